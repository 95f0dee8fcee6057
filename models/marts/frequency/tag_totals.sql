with

counts as (

    select
        counts.*,
        palette_versions.prompt_version
    from {{ ref('int_tag_counts') }} as counts
    inner join {{ ref('int_palette_versions') }} as palette_versions
        on counts.group_key = palette_versions.group_key

),

tags as (

    select * from {{ ref('int_tags') }}

),

by_version as (

    select
        prompt_version,
        tag_key,
        sum(occurrences) as occurrences,
        sum(result_count) as result_count,
        bit_or(model_set) as model_set,
        count(*) as palette_count,
        count(*) filter (where is_first_of_palette) as first_count
    from counts
    group by all

),

over_all as (

    select
        null as prompt_version,
        tag_key,
        sum(occurrences) as occurrences,
        sum(result_count) as result_count,
        bit_or(model_set) as model_set,
        cast(sum(first_count) as bigint) as palette_count
    from by_version
    group by all

),

totals as (

    select * exclude (first_count) from by_version
    union all
    select * from over_all

)

select
    totals.prompt_version,
    tags.attribute,
    tags.tag,
    tags.canonical_tag,
    tags.tag_class,
    cast(totals.occurrences as bigint) as occurrences,
    cast(totals.result_count as bigint) as result_count,
    coalesce(bit_count(totals.model_set), 0) as model_count,
    totals.palette_count,
    row_number() over (
        partition by totals.prompt_version, tags.attribute_key order by totals.result_count desc, tags.name_order asc
    ) as rank
from totals
inner join tags
    on totals.tag_key = tags.tag_key
