with

counted_values as (

    select
        result_key,
        group_key,
        text_key
    from {{ ref('int_tag_values') }}
    where is_counted

),

texts as (

    select * from {{ ref('int_tag_texts') }}

),

repeated_texts as (

    select
        result_key,
        text_key
    from counted_values
    group by result_key, text_key
    having count(*) > 1

),

same_text_twice as (

    select
        repeated_texts.result_key,
        texts.attribute_key
    from repeated_texts
    inner join texts
        on repeated_texts.text_key = texts.text_key

),

changed_text as (

    select
        counted_values.result_key,
        texts.attribute_key
    from counted_values
    inner join texts
        on counted_values.text_key = texts.text_key
    where texts.canonical_tag <> texts.raw_value

),

suspects as (

    select * from same_text_twice
    union
    select * from changed_text

),

suspect_values as (

    select
        counted_values.result_key,
        counted_values.group_key,
        texts.attribute_key,
        texts.tag,
        texts.canonical_tag
    from counted_values
    inner join texts
        on counted_values.text_key = texts.text_key
    inner join suspects
        on counted_values.result_key = suspects.result_key and texts.attribute_key = suspects.attribute_key

),

repeated_tags as (

    select
        group_key,
        attribute_key,
        tag,
        null as canonical_tag,
        count(*) - 1 as repeats
    from suspect_values
    group by result_key, group_key, attribute_key, tag
    having count(*) > 1

),

repeated_canonical_tags as (

    select
        group_key,
        attribute_key,
        null as tag,
        canonical_tag,
        count(*) - 1 as repeats
    from suspect_values
    group by result_key, group_key, attribute_key, canonical_tag
    having count(*) > 1

),

repeats_by_answer as (

    select * from repeated_tags
    union all
    select * from repeated_canonical_tags

)

select
    group_key,
    attribute_key,
    tag,
    canonical_tag,
    cast(sum(repeats) as integer) as repeats
from repeats_by_answer
group by all
