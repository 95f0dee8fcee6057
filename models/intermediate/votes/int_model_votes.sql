with

answers as (

    select * from {{ ref('int_answers') }}
    where model_key is not null and palette_prompt_key > {{ high_water_mark('palette_prompt_key') }}

),

counted as (

    select
        answers.palette_prompt_key,
        votes.attribute_key,
        answers.model_key,
        votes.canonical_tag_key,
        cast(count(*) as integer) as vote_count
    from {{ ref('int_votes') }} as votes
    inner join answers
        on votes.result_key = answers.result_key
    group by all

)

select
    *,
    cast(sum(vote_count) over own_votes as integer) as own_count,
    vote_count / sum(vote_count) over own_votes as voter_share
from counted
window own_votes as (partition by palette_prompt_key, attribute_key, model_key)
