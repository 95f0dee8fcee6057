with

summed as (

    select
        votes.palette_prompt_key,
        votes.attribute_key,
        votes.canonical_tag_key,
        cast(sum(votes.vote_count) as bigint) as vote_count,
        {{ exact_sum('votes.voter_share') }} as voters,
        cast(sum({{ vote_strength('votes.voter_share', 'weights.estimate') }}) as bigint) as strength
    from {{ ref('int_model_votes') }} as votes
    inner join {{ ref('int_vote_weights') }} as weights
        on votes.attribute_key = weights.attribute_key and votes.model_key = weights.model_key
    group by all

)

select
    summed.*,
    cast(round(1e9 * coalesce(means.estimate, 0)) as bigint) + summed.strength as score
from summed
left join {{ ref('int_vote_weights') }} as means
    on summed.attribute_key = means.attribute_key and summed.canonical_tag_key = means.canonical_tag_key
