with

model_votes as (

    select * from {{ ref('int_model_votes') }}
    where palette_prompt_key > {{ high_water_mark('palette_prompt_key') }}

),

totals as (

    select
        palette_prompt_key,
        attribute_key,
        canonical_tag_key,
        cast(sum(vote_count) as bigint) as vote_count
    from model_votes
    group by all

),

voters as (

    select distinct
        palette_prompt_key,
        attribute_key,
        model_key
    from model_votes

),

votes_of_others as (

    select
        voters.*,
        totals.canonical_tag_key,
        totals.vote_count - coalesce(model_votes.vote_count, 0) as vote_count
    from voters
    inner join totals
        on voters.palette_prompt_key = totals.palette_prompt_key and voters.attribute_key = totals.attribute_key
    left join model_votes
        on
            voters.palette_prompt_key = model_votes.palette_prompt_key
            and voters.model_key = model_votes.model_key
            and totals.canonical_tag_key = model_votes.canonical_tag_key

),

ranked as (

    select
        *,
        rank() over (
            partition by palette_prompt_key, attribute_key, model_key order by vote_count desc nulls last
        ) as vote_rank
    from votes_of_others
    where vote_count > 0

),

-- Where several tags have most votes, the others have no consensus.
winners as (

    select
        palette_prompt_key,
        attribute_key,
        model_key,
        max(canonical_tag_key) as canonical_tag_key
    from ranked
    where vote_rank = 1
    group by all
    having count(*) = 1

)

select
    model_votes.palette_prompt_key,
    model_votes.attribute_key,
    model_votes.model_key,
    model_votes.canonical_tag_key,
    model_votes.vote_count,
    winners.canonical_tag_key as others_canonical_tag_key
from model_votes
left join winners
    on
        model_votes.palette_prompt_key = winners.palette_prompt_key
        and model_votes.attribute_key = winners.attribute_key
        and model_votes.model_key = winners.model_key
