with

counts as (

    select * from {{ ref('int_canonical_counts') }}

),

palette_versions as (

    select * from {{ ref('int_palette_versions') }}

),

canonical_tags as (

    select * from {{ ref('int_canonical_tags') }}

)

select
    palette_versions.palette_seed,
    palette_versions.prompt_version,
    canonical_tags.attribute,
    canonical_tags.canonical_tag,
    counts.is_published,
    counts.occurrences,
    counts.result_count,
    coalesce(bit_count(counts.model_set), 0) as model_count,
    counts.result_count / palette_versions.success_count as share,
    row_number() over (
        partition by counts.group_key, counts.attribute_key
        order by counts.is_published desc, counts.result_count desc, counts.canonical_tag_key asc
    ) as rank
from counts
inner join palette_versions
    on counts.group_key = palette_versions.group_key
inner join canonical_tags
    on counts.canonical_tag_key = canonical_tags.canonical_tag_key
