with

pairs as (

    -- A vote makes a pair with each other vote of the model, and one that agrees with each other for its tag.
    select
        palette_prompts.prompt_version,
        votes.model_key,
        votes.attribute_key,
        cast(sum(votes.vote_count * (votes.own_count - 1)) / 2 as bigint) as pair_count,
        cast(sum(votes.vote_count * (votes.vote_count - 1)) / 2 as bigint) as agreeing_pair_count
    from {{ ref('int_model_votes') }} as votes
    inner join {{ ref('int_palette_prompts') }} as palette_prompts
        on votes.palette_prompt_key = palette_prompts.palette_prompt_key
    where votes.own_count >= 2
    group by all

)

select * from pairs
union all
select
    null as prompt_version,
    model_key,
    attribute_key,
    cast(sum(pair_count) as bigint) as pair_count,
    cast(sum(agreeing_pair_count) as bigint) as agreeing_pair_count
from pairs
group by all
