with

model_votes as (

    select * from {{ ref('int_model_votes') }}
    where group_key > {{ greatest_kept('group_key') }}

),

group_votes as (

    select
        group_key,
        attribute_key,
        canonical_tag_key,
        cast(sum(vote_count) as bigint) as vote_count
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

-- Votes above, key below: the greatest is for most votes, and of tags that tie for the last key, then for the first.
most_votes as (

    select
        group_key,
        attribute_key,
        model_prompt_key,
        max(vote_count * 4294967296 + canonical_tag_key) as last_key,
        max(vote_count * 4294967296 - canonical_tag_key) as first_key
    from others
    where vote_count > 0
    group by all

)

select
    group_key,
    attribute_key,
    model_prompt_key,
    cast(last_key % 4294967296 as integer) as canonical_tag_key
from most_votes
where last_key - first_key = 2 * (last_key % 4294967296)
