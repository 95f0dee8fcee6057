with

answers as (

    select * from {{ ref('int_counted_answers') }}
    where model_key is not null and palette_prompt_key > {{ high_water_mark('palette_prompt_key') }}

),

tags as (

    select * from {{ ref('int_tags') }}
    where is_categorical and is_publishable

),

tag_values as (

    select
        answer_key,
        tag_key
    from {{ ref('int_tag_values') }}
    where is_counted

),

counted as (

    select
        answers.palette_prompt_key,
        tags.attribute_key,
        answers.model_key,
        tags.canonical_tag_key,
        cast(count(*) as integer) as vote_count
    from tag_values
    inner join tags
        on tag_values.tag_key = tags.tag_key
    inner join answers
        on tag_values.answer_key = answers.answer_key
    group by all

)

select
    *,
    cast(sum(vote_count) over own_votes as integer) as own_count,
    vote_count / sum(vote_count) over own_votes as voter_share
from counted
window own_votes as (partition by palette_prompt_key, attribute_key, model_key)
