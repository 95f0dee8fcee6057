with

answers as (

    select * from {{ ref('int_counted_answers') }}
    where palette_prompt_key > {{ high_water_mark('palette_prompt_key') }}

),

tags as (

    select * from {{ ref('int_tags') }}
    where not is_categorical

),

tag_values as (

    select * from {{ ref('int_tag_values') }}
    where is_counted

),

-- Only in a list that says a text twice, or a text that isn't its canonical tag, can an answer repeat a tag.
respelled_texts as (

    select texts.text_key
    from {{ ref('int_texts') }} as texts
    inner join tags
        on texts.tag_key = tags.tag_key
    where texts.text <> tags.canonical_tag

),

suspects as (

    select distinct
        tag_values.answer_key,
        tag_values.attribute_key
    from tag_values
    left join respelled_texts
        on tag_values.text_key = respelled_texts.text_key
    where tag_values.is_repeat_possible or respelled_texts.text_key is not null

),

answer_tags as (

    select
        answers.palette_prompt_key,
        answers.answer_key,
        answers.vote_part,
        answers.palette_vote_part,
        tags.tag_key,
        tags.canonical_tag_key,
        count(*) - 1 as repeats
    from tag_values
    inner join suspects
        on tag_values.answer_key = suspects.answer_key and tag_values.attribute_key = suspects.attribute_key
    inner join tags
        on tag_values.tag_key = tags.tag_key
    inner join answers
        on tag_values.answer_key = answers.answer_key
    group by all

),

repeats as (

    select * replace (null as canonical_tag_key)
    from answer_tags
    where repeats > 0
    union all
    select
        palette_prompt_key,
        answer_key,
        vote_part,
        palette_vote_part,
        null as tag_key,
        canonical_tag_key,
        count(*) - 1 as repeats
    from answer_tags
    group by all
    having count(*) > 1

)

select
    palette_prompt_key,
    tag_key,
    canonical_tag_key,
    cast(sum(repeats) as integer) as repeats,
    cast(sum(repeats * vote_part) as bigint) as vote_parts,
    cast(sum(repeats * palette_vote_part) as bigint) as palette_vote_parts
from repeats
group by all
