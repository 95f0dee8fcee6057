with

answers as (

    select * from {{ ref('int_answers') }}
    where group_key > {{ greatest_kept('group_key') }}

),

texts as (

    select * from {{ ref('int_tag_texts') }}
    where not is_categorical

),

suspects as (

    select distinct
        tag_values.result_key,
        tag_values.attribute_key,
        answers.group_key
    from {{ ref('int_tag_values') }} as tag_values
    inner join texts
        on tag_values.text_key = texts.text_key
    inner join answers
        on tag_values.result_key = answers.result_key
    where tag_values.is_counted and (tag_values.is_repeat_possible or texts.canonical_tag <> texts.raw_value)

),

suspect_values as (

    select
        suspects.result_key,
        suspects.group_key,
        texts.tag_key,
        texts.canonical_tag_key
    from {{ ref('int_tag_values') }} as tag_values
    inner join suspects
        on tag_values.result_key = suspects.result_key and tag_values.attribute_key = suspects.attribute_key
    inner join texts
        on tag_values.text_key = texts.text_key
    where tag_values.is_counted

),

repeated_tags as (

    select
        group_key,
        tag_key,
        null as canonical_tag_key,
        count(*) - 1 as repeats
    from suspect_values
    group by result_key, group_key, tag_key
    having count(*) > 1

),

repeated_canonical_tags as (

    select
        group_key,
        null as tag_key,
        canonical_tag_key,
        count(*) - 1 as repeats
    from suspect_values
    group by result_key, group_key, canonical_tag_key
    having count(*) > 1

),

repeats_by_answer as (

    select * from repeated_tags
    union all
    select * from repeated_canonical_tags

)

select
    group_key,
    tag_key,
    canonical_tag_key,
    cast(sum(repeats) as integer) as repeats
from repeats_by_answer
group by all
