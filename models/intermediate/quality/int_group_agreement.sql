{% set last_group_key = greatest_kept('group_key') %}

with

palette_versions as (

    select * from {{ ref('int_palette_versions') }}
    where group_key > {{ last_group_key }}

),

attributes as (

    select * from {{ ref('int_attributes') }}

),

summed as (

    select
        group_key,
        attribute_key,
        sum(result_count) as said_count,
        sum(result_count * result_count) as squared_count
    from {{ ref('int_canonical_counts') }}
    where is_published and group_key > {{ last_group_key }}
    group by all

),

spread as (

    select
        palette_versions.group_key,
        palette_versions.prompt_version,
        attributes.attribute_key,
        cast(
            if(attributes.is_categorical, coalesce(summed.said_count, 0), palette_versions.success_count) as bigint
        ) as answer_count,
        cast(coalesce(summed.said_count, 0) as bigint) as said_count,
        cast(coalesce(summed.squared_count, 0) as bigint) as squared_count
    from palette_versions
    cross join attributes
    left join summed
        on palette_versions.group_key = summed.group_key and attributes.attribute_key = summed.attribute_key

)

select
    *,
    (squared_count - said_count) / nullif((answer_count - 1) * said_count, 0) as agreement
from spread
where answer_count >= 2
