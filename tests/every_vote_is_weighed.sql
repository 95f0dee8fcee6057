with

votes as (

    select
        tags.attribute_key,
        tags.canonical_tag_key,
        count(*) as vote_count
    from {{ ref('int_tag_values') }} as tag_values
    inner join {{ ref('int_tags') }} as tags
        on tag_values.tag_key = tags.tag_key
    inner join {{ ref('int_counted_answers') }} as answers
        on tag_values.answer_key = answers.answer_key
    where tags.is_categorical and tags.is_publishable and tag_values.is_counted and answers.model_key is not null
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
