with

votes as (

    select
        votes.attribute_key,
        votes.canonical_tag_key,
        count(*) as vote_count
    from {{ ref('int_votes') }} as votes
    inner join {{ ref('int_answers') }} as answers
        on votes.result_key = answers.result_key
    where answers.model_key is not null
    group by all

),

weighed as (

    select
        attribute_key,
        canonical_tag_key,
        sum(vote_count) as vote_count
    from {{ ref('int_tag_strengths') }}
    group by all

)

select
    attribute_key,
    canonical_tag_key,
    votes.vote_count as said,
    weighed.vote_count as weighed
from votes
full join weighed using (attribute_key, canonical_tag_key)
where votes.vote_count is distinct from weighed.vote_count
