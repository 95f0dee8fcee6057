with

answers as (

    select * from {{ ref('int_answers') }}
    where group_key > {{ greatest_kept('group_key') }}

),

texts as (

    select * from {{ ref('int_tag_texts') }}
    where not is_categorical

),

listed_values as not materialized (

    select
        tag_values.result_key,
        tag_values.is_repeat_possible,
        texts.*
    from {{ ref('int_tag_values') }} as tag_values
    inner join texts
        on tag_values.text_key = texts.text_key
    {% if is_incremental() %}
    semi join answers
        on tag_values.result_key = answers.result_key
    {% endif %}
    where tag_values.is_counted

),

suspects as (

    select distinct
        result_key,
        attribute_key
    from listed_values
    where is_repeat_possible or canonical_tag <> raw_value

),

suspect_values as (

    select
        listed_values.result_key,
        answers.group_key,
        listed_values.tag_key,
        listed_values.canonical_tag_key
    from listed_values
    semi join suspects
        on listed_values.result_key = suspects.result_key and listed_values.attribute_key = suspects.attribute_key
    inner join answers
        on listed_values.result_key = answers.result_key

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
