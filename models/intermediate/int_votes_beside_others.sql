with

model_votes as (

    select * from {{ ref('int_model_votes') }}

),

group_votes as (

    select
        group_key,
        attribute_key,
        canonical_tag_key,
        sum(vote_count) as vote_count
    from model_votes
    group by all

),

voters as (

    select distinct
        group_key,
        attribute_key,
        model_prompt_key
    from model_votes

),

others as (

    select
        voters.*,
        group_votes.canonical_tag_key,
        group_votes.vote_count - coalesce(model_votes.vote_count, 0) as vote_count
    from voters
    inner join group_votes
        on voters.group_key = group_votes.group_key and voters.attribute_key = group_votes.attribute_key
    left join model_votes
        on
            voters.group_key = model_votes.group_key
            and voters.model_prompt_key = model_votes.model_prompt_key
            and group_votes.canonical_tag_key = model_votes.canonical_tag_key

),

consensus as (

    select
        group_key,
        attribute_key,
        model_prompt_key,
        arg_max(canonical_tag_key, vote_count) as canonical_tag_key,
        max(vote_count, 2) as most_votes
    from others
    where vote_count > 0
    group by all

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
where len(consensus.most_votes) = 1 or consensus.most_votes[1] > consensus.most_votes[2]
group by all
