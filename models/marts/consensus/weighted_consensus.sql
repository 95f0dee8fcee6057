with

winners as (

    select * from {{ ref('int_weighted_winners') }}

),

palette_prompts as (

    select * from {{ ref('int_palette_prompts') }}

),

canonical_tags as (

    select * from {{ ref('int_canonical_tags') }}

)

select
    palette_prompts.palette_seed,
    palette_prompts.prompt_version,
    canonical_tags.attribute,
    canonical_tags.canonical_tag as winner,
    winners.weighted_share,
    winners.votes,
    winners.total,
    winners.voter_count as model_count,
    majority_tags.canonical_tag as majority_winner,
    winners.majority_votes,
    winners.is_majority_tie,
    winners.winner_key <> winners.majority_winner_key as is_different
from winners
inner join palette_prompts
    on winners.palette_prompt_key = palette_prompts.palette_prompt_key
inner join canonical_tags
    on winners.winner_key = canonical_tags.canonical_tag_key
inner join canonical_tags as majority_tags
    on winners.majority_winner_key = majority_tags.canonical_tag_key
