with

items as (

    select
        pattern_key,
        attribute_key,
        unnest(group_keys) as group_key
    from {{ ref('int_vote_patterns') }}

),

patterns as (

    select * from {{ ref('int_pattern_winners') }}

),

palette_versions as (

    select * from {{ ref('int_palette_versions') }}

),

attributes as (

    select * from {{ ref('int_attributes') }}

),

canonical_tags as (

    select * from {{ ref('int_canonical_tags') }}

)

select
    palette_versions.palette_seed,
    palette_versions.prompt_version,
    attributes.attribute,
    winners.canonical_tag as winner,
    patterns.posterior,
    patterns.votes,
    patterns.total,
    majority_winners.canonical_tag as majority_winner,
    patterns.majority_votes,
    patterns.is_majority_tie,
    patterns.winner_key <> patterns.majority_winner_key as is_different
from items
inner join patterns
    on items.pattern_key = patterns.pattern_key
inner join canonical_tags as winners
    on patterns.winner_key = winners.canonical_tag_key
inner join canonical_tags as majority_winners
    on patterns.majority_winner_key = majority_winners.canonical_tag_key
inner join palette_versions
    on items.group_key = palette_versions.group_key
inner join attributes
    on items.attribute_key = attributes.attribute_key
