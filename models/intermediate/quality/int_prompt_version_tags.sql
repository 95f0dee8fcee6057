with

counts as not materialized (

    select * from {{ ref('int_canonical_counts') }}
    where is_published

),

palette_versions as (

    select * from {{ ref('int_palette_versions') }}

),

said as (

    select
        palette_versions.prompt_version,
        counts.attribute_key,
        counts.canonical_tag_key,
        cast(sum(counts.result_count) as bigint) as result_count
    from counts
    inner join palette_versions
        on counts.group_key = palette_versions.group_key
    group by all

),

alone as (

    select
        palette_versions.group_key,
        palette_versions.prompt_version,
        attributes.attribute_key
    from palette_versions
    cross join {{ ref('int_attributes') }} as attributes
    anti join {{ ref('int_group_agreement') }} as compared
        on palette_versions.group_key = compared.group_key and attributes.attribute_key = compared.attribute_key

),

said_alone as (

    select
        alone.prompt_version,
        counts.canonical_tag_key,
        cast(sum(counts.result_count) as bigint) as result_count
    from counts
    inner join alone
        on counts.group_key = alone.group_key and counts.attribute_key = alone.attribute_key
    group by all

)

select
    said.*,
    said.result_count - coalesce(said_alone.result_count, 0) as compared_count
from said
left join said_alone
    on said.prompt_version = said_alone.prompt_version and said.canonical_tag_key = said_alone.canonical_tag_key
