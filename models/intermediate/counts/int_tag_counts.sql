with

text_counts as (

    select * from {{ ref('int_text_counts') }}
    where group_key > {{ greatest_kept('group_key') }}

),

texts as (

    select * from {{ ref('int_tag_texts') }}

),

tags as (

    select * from {{ ref('int_tags') }}

),

repeats as (

    select * from {{ ref('int_tag_repeats') }}
    where tag_key is not null

),

summed as (

    select
        text_counts.group_key,
        texts.attribute_key,
        texts.tag_key,
        sum(text_counts.occurrences) as occurrences,
        bit_or(text_counts.model_set) as model_set
    from text_counts
    inner join texts
        on text_counts.text_key = texts.text_key
    group by all

),

counted as (

    select
        summed.*,
        summed.occurrences - coalesce(repeats.repeats, 0) as result_count,
        row_number() over (
            partition by palette_versions.palette_key, summed.tag_key order by summed.group_key asc nulls last
        ) = 1 as is_first_of_palette
    from summed
    inner join {{ ref('int_palette_versions') }} as palette_versions
        on summed.group_key = palette_versions.group_key
    left join repeats
        on summed.group_key = repeats.group_key and summed.tag_key = repeats.tag_key

)

select
    counted.group_key,
    counted.attribute_key,
    counted.tag_key,
    cast(counted.occurrences as integer) as occurrences,
    cast(counted.result_count as integer) as result_count,
    counted.model_set,
    cast(
        row_number() over (
            partition by counted.group_key, counted.attribute_key
            order by counted.result_count desc nulls last, tags.name_order asc nulls last
        ) as integer
    ) as rank,
    counted.is_first_of_palette
from counted
inner join tags
    on counted.tag_key = tags.tag_key
