with

counts as (

    select * from {{ ref('int_palette_attribute_counts') }}

),

palettes as (

    select
        palette_key,
        palette_seed,
        cast(sum(success_count) as bigint) as success_count,
        count(*) filter (where success_count > 0) as prompt_version_count
    from {{ ref('int_palette_versions') }}
    group by all

),

canonical_tags as (

    select * from {{ ref('int_canonical_tags') }}

)

select
    palettes.palette_seed,
    canonical_tags.attribute,
    palettes.prompt_version_count,
    canonical_tags.canonical_tag as winner,
    counts.votes,
    palettes.success_count as total,
    counts.votes / palettes.success_count as share,
    {{ wilson_lower_bound('counts.votes', 'palettes.success_count') }} as share_lower_bound,
    (counts.votes - counts.runner_up_votes) / palettes.success_count as margin,
    counts.entropy,
    counts.votes = counts.runner_up_votes as is_tie,
    counts.tag_count
from counts
inner join palettes
    on counts.palette_key = palettes.palette_key
inner join canonical_tags
    on counts.winner_key = canonical_tags.canonical_tag_key
