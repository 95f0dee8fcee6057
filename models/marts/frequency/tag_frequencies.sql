with

counts as (

    select * from {{ ref('int_tag_counts') }}

),

palette_versions as (

    select * from {{ ref('int_palette_versions') }}

),

tags as (

    select * from {{ ref('int_tags') }}

)

select
    palette_versions.palette_seed,
    palette_versions.prompt_version,
    tags.attribute,
    tags.tag,
    tags.canonical_tag,
    tags.tag_class,
    counts.occurrences,
    counts.result_count,
    coalesce(bit_count(counts.model_set), 0) as model_count,
    counts.result_count / palette_versions.success_count as share,
    row_number() over (
        partition by counts.group_key, tags.attribute_key order by counts.result_count desc, counts.tag_key asc
    ) as rank
from counts
inner join palette_versions
    on counts.group_key = palette_versions.group_key
inner join tags
    on counts.tag_key = tags.tag_key
