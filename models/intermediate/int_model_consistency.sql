with

voters as (

    select
        group_key,
        attribute_key,
        model_prompt_key,
        sum(vote_count) as vote_count,
        sum(vote_count * vote_count) as squared_count
    from {{ ref('int_model_votes') }}
    group by all

)

select
    model_prompt_key,
    attribute_key,
    cast(sum(vote_count * (vote_count - 1)) / 2 as bigint) as pair_count,
    cast(sum(squared_count - vote_count) / 2 as bigint) as agreeing_pair_count
from voters
where vote_count >= 2
group by all
