with

strengths as (

    select
        tags.*,
        row_number() over (
            partition by tags.palette_prompt_key, tags.attribute_key
            order by
                tags.score desc nulls last, tags.vote_count desc nulls last, canonical_tags.name_order asc nulls last
        ) as score_rank,
        row_number() over (
            partition by tags.palette_prompt_key, tags.attribute_key
            order by tags.vote_count desc nulls last, canonical_tags.name_order asc nulls last
        ) as vote_rank
    from {{ ref('int_tag_strengths') }} as tags
    inner join {{ ref('int_canonical_tags') }} as canonical_tags
        on tags.canonical_tag_key = canonical_tags.canonical_tag_key

),

winners as (

    select
        palette_prompt_key,
        attribute_key,
        max(canonical_tag_key) filter (where score_rank = 1) as winner_key,
        round(max(score) filter (where score_rank = 1) / (1e9 + cast(sum(strength) as bigint)), 2) as weighted_share,
        max(vote_count) filter (where score_rank = 1) as winner_vote_count,
        cast(sum(vote_count) as bigint) as vote_total,
        cast(round({{ exact_sum('voters') }}) as integer) as model_total,
        max(canonical_tag_key) filter (where vote_rank = 1) as majority_winner_key,
        max(vote_count) filter (where vote_rank = 1) as majority_vote_count,
        coalesce(max(vote_count) filter (where vote_rank = 2) = majority_vote_count, false) as is_majority_tie
    from strengths
    group by all

)

select
    palette_prompts.palette_seed,
    palette_prompts.prompt_version,
    canonical_tags.attribute,
    canonical_tags.canonical_tag as winner,
    winners.weighted_share,
    winners.winner_vote_count,
    winners.vote_total,
    winners.model_total,
    majority_tags.canonical_tag as majority_winner,
    winners.majority_vote_count,
    winners.is_majority_tie,
    winners.winner_key <> winners.majority_winner_key as is_different
from winners
inner join {{ ref('int_palette_prompts') }} as palette_prompts
    on winners.palette_prompt_key = palette_prompts.palette_prompt_key
inner join {{ ref('int_canonical_tags') }} as canonical_tags
    on winners.winner_key = canonical_tags.canonical_tag_key
inner join {{ ref('int_canonical_tags') }} as majority_tags
    on winners.majority_winner_key = majority_tags.canonical_tag_key
