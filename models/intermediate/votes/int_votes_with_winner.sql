with

votes as (

    select
        model_votes.palette_prompt_key,
        model_votes.attribute_key,
        model_votes.model_key,
        model_votes.canonical_tag_key,
        model_votes.voter_share,
        {{ vote_strength('model_votes.voter_share', 'weights.estimate') }} as strength
    from {{ ref('int_model_votes') }} as model_votes
    inner join {{ ref('int_vote_weights') }} as weights
        on model_votes.attribute_key = weights.attribute_key and model_votes.model_key = weights.model_key

),

with_winner as (

    select
        votes.*,
        winners.winner_key,
        winners.winner_strength,
        winners.score - coalesce(winners.second_score, 0) as margin,
        coalesce(
            sum(votes.strength) filter (where votes.canonical_tag_key = winners.winner_key)
                over (partition by votes.palette_prompt_key, votes.attribute_key, votes.model_key),
            0
        ) as strength_for_winner
    from votes
    inner join {{ ref('int_weighted_winners') }} as winners
        on votes.palette_prompt_key = winners.palette_prompt_key and votes.attribute_key = winners.attribute_key
    where winners.voter_count > {{ least_other_models() }}

)

select
    palette_prompt_key,
    attribute_key,
    model_key,
    canonical_tag_key,
    voter_share,
    strength,
    winner_key,
    strength_for_winner >= least(margin, winner_strength) as is_perhaps_decisive
from with_winner
