with

model_votes as (

    select * from {{ ref('int_model_votes') }}

),

consensus as (

    select * from {{ ref('int_others_consensus') }}

)

select
    model_votes.model_prompt_key,
    model_votes.attribute_key,
    model_votes.canonical_tag_key,
    consensus.canonical_tag_key as others_canonical_tag_key,
    cast(sum(model_votes.vote_count) as bigint) as vote_count
from model_votes
inner join consensus
    on
        model_votes.group_key = consensus.group_key
        and model_votes.attribute_key = consensus.attribute_key
        and model_votes.model_prompt_key = consensus.model_prompt_key
group by all
