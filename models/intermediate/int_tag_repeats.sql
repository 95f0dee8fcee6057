with

texts as (

    select *
    from {{ ref('int_tag_texts') }}
    where not is_categorical

),

listed_values as not materialized (

    select
        tag_values.result_key,
        tag_values.group_key,
        tag_values.text_key
    from {{ ref('int_tag_values') }} as tag_values
    semi join texts
        on tag_values.text_key = texts.text_key
    where tag_values.is_counted

),

given_twice as (

    select (cast(result_key as bigint) << 32) + text_key as value_key
    from listed_values
    group by value_key
    having count(*) > 1

),

suspects as (

    select
        cast(given_twice.value_key >> 32 as integer) as result_key,
        texts.attribute_key
    from given_twice
    inner join texts
        on given_twice.value_key & 4294967295 = texts.text_key
    union
    select
        listed_values.result_key,
        texts.attribute_key
    from listed_values
    inner join texts
        on listed_values.text_key = texts.text_key
    where texts.canonical_tag <> texts.raw_value

),

suspect_values as (

    select
        listed_values.result_key,
        listed_values.group_key,
        texts.tag_key,
        texts.canonical_tag_key
    from listed_values
    inner join texts
        on listed_values.text_key = texts.text_key
    inner join suspects
        on listed_values.result_key = suspects.result_key and texts.attribute_key = suspects.attribute_key

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
