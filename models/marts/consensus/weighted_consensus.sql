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

)

select
    palette_versions.palette_seed,
    palette_versions.prompt_version,
    attributes.attribute,
    patterns.winner,
    patterns.posterior,
    patterns.votes,
    patterns.total,
    patterns.majority_winner,
    patterns.majority_votes,
    patterns.is_majority_tie,
    patterns.winner <> patterns.majority_winner as is_different
from items
inner join patterns
    on items.pattern_key = patterns.pattern_key
inner join palette_versions
    on items.group_key = palette_versions.group_key
inner join attributes
    on items.attribute_key = attributes.attribute_key
