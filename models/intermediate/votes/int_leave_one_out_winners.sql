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
        model_key,
        own_count
    from model_votes

),

ballots as (

    select
        voters.*,
        totals.canonical_tag_key,
        totals.vote_count - coalesce(model_votes.vote_count, 0) as others_count
    from voters
    inner join totals
        on voters.palette_prompt_key = totals.palette_prompt_key and voters.attribute_key = totals.attribute_key
    left join model_votes
        on
            voters.palette_prompt_key = model_votes.palette_prompt_key
            and voters.model_key = model_votes.model_key
            and totals.canonical_tag_key = model_votes.canonical_tag_key

),

-- Votes above, key below: the greatest is for most votes, and of tags that tie for the last key, then for the first.
most_votes as (

    select
        palette_prompt_key,
        attribute_key,
        model_key,
        max(others_count * 4294967296 + canonical_tag_key) filter (where others_count > 0) as last_key,
        max(others_count * 4294967296 - canonical_tag_key) filter (where others_count > 0) as first_key
    from ballots
    group by all

)

select
    model_votes.palette_prompt_key,
    model_votes.attribute_key,
    model_votes.model_key,
    model_votes.canonical_tag_key,
    model_votes.vote_count,
    model_votes.own_count,
    case
        when most_votes.last_key - most_votes.first_key = 2 * (most_votes.last_key % 4294967296)
            then cast(most_votes.last_key % 4294967296 as integer)
    end as others_canonical_tag_key
from model_votes
inner join most_votes
    on
        model_votes.palette_prompt_key = most_votes.palette_prompt_key
        and model_votes.attribute_key = most_votes.attribute_key
        and model_votes.model_key = most_votes.model_key
