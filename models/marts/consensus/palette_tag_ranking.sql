with

counts as (

    select * from {{ ref('int_palette_counts') }}

),

canonical_tags as (

    select * from {{ ref('int_canonical_tags') }}

),

palettes as (

    select
        palette_key,
        palette_seed,
        cast(sum(success_count) as bigint) as success_count
    from {{ ref('int_palette_versions') }}
    group by all

)

select
    palettes.palette_seed,
    canonical_tags.attribute,
    canonical_tags.canonical_tag,
    counts.result_count,
    counts.prompt_version_count,
    palettes.success_count as total,
    counts.result_count / palettes.success_count as share,
    {{ wilson_lower_bound('counts.result_count', 'palettes.success_count') }} as share_lower_bound,
    counts.rank
from counts
inner join palettes
    on counts.palette_key = palettes.palette_key
inner join canonical_tags
    on counts.canonical_tag_key = canonical_tags.canonical_tag_key
