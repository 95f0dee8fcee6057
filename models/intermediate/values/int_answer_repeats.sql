{% set last_result_key = high_water_mark('result_key') %}

with

tag_values as (

    select * from {{ ref('int_tag_values') }}
    where is_counted and result_key > {{ last_result_key }}

),

texts as (

    select * from {{ ref('int_tag_texts') }}
    where not is_categorical

),

suspects as (

    select distinct
        tag_values.result_key,
        tag_values.attribute_key
    from tag_values
    inner join texts
        on tag_values.text_key = texts.text_key
    where tag_values.is_repeat_possible or texts.canonical_tag <> texts.raw_value

),

suspect_values as (

    select
        suspects.result_key,
        texts.tag_key,
        texts.canonical_tag_key
    from tag_values
    inner join suspects
        on tag_values.result_key = suspects.result_key and tag_values.attribute_key = suspects.attribute_key
    inner join texts
        on tag_values.text_key = texts.text_key

),

repeated_tags as (

    select
        result_key,
        tag_key,
        null as canonical_tag_key,
        count(*) - 1 as repeats
    from suspect_values
    group by result_key, tag_key
    having count(*) > 1

),

repeated_canonical_tags as (

    select
        result_key,
        null as tag_key,
        canonical_tag_key,
        count(*) - 1 as repeats
    from suspect_values
    group by result_key, canonical_tag_key
    having count(*) > 1

)

select * from repeated_tags
union all
select * from repeated_canonical_tags
