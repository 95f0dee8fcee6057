with

ranked as (

    select
        strengths.*,
        row_number() over (
            partition by strengths.palette_prompt_key, strengths.attribute_key
            order by
                strengths.score desc nulls last,
                strengths.vote_count desc nulls last,
                canonical_tags.name_order asc nulls last
        ) as score_rank,
        row_number() over (
            partition by strengths.palette_prompt_key, strengths.attribute_key
            order by strengths.vote_count desc nulls last, canonical_tags.name_order asc nulls last
        ) as vote_rank
    from {{ ref('int_tag_strengths') }} as strengths
    inner join {{ ref('int_canonical_tags') }} as canonical_tags
        on strengths.canonical_tag_key = canonical_tags.canonical_tag_key

),

winners as (

    select
        palette_prompt_key,
        attribute_key,
        max(canonical_tag_key) filter (where score_rank = 1) as winner_key,
        max(score) filter (where score_rank = 1) as score,
        max(score) filter (where score_rank = 2) as second_score,
        max(vote_count) filter (where score_rank = 1) as votes,
        cast(sum(vote_count) as bigint) as total,
        cast(sum(strength) as bigint) as strength,
        max(strength) filter (where score_rank = 1) as winner_strength,
        cast(round({{ exact_sum('voters') }}) as integer) as voter_count,
        max(canonical_tag_key) filter (where vote_rank = 1) as majority_winner_key,
        max(vote_count) filter (where vote_rank = 1) as majority_votes,
        coalesce(max(vote_count) filter (where vote_rank = 2) = majority_votes, false) as is_majority_tie
    from ranked
    group by all

)

select
    *,
    round(score / (1e9 + strength), 2) as weighted_share
from winners
