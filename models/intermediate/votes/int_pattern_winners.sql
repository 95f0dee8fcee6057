with

posteriors as (

    select * from {{ ref('int_tag_posteriors') }}

),

canonical_tags as (

    select * from {{ ref('int_canonical_tags') }}

),

candidates as (

    select
        posteriors.pattern_key,
        canonical_tags.name_order,
        posteriors.posterior,
        posteriors.vote_count
    from posteriors
    inner join canonical_tags
        on posteriors.canonical_tag_key = canonical_tags.canonical_tag_key

),

-- Votes above, name below, in one number, faster than a struct: the greatest has most votes and the first name.
ranked as (

    select
        pattern_key,
        min(struct_pack(less := -posterior, fewer := -vote_count, name_order), 1) as by_posterior,
        max(vote_count * 4294967296 - name_order, 2) as by_votes,
        cast(sum(vote_count) as bigint) as total
    from candidates
    group by pattern_key

),

found as (

    select
        pattern_key,
        round(-by_posterior[1].less / 1e12, 6) as posterior,
        -by_posterior[1].fewer as votes,
        by_posterior[1].name_order as winner_order,
        total,
        (by_votes[1] >> 32) + 1 as majority_votes,
        majority_votes * 4294967296 - by_votes[1] as majority_order,
        coalesce((by_votes[2] >> 32) + 1 = majority_votes, false) as is_majority_tie
    from ranked

)

select
    found.* exclude (winner_order, majority_order),
    winners.canonical_tag_key as winner_key,
    majority_winners.canonical_tag_key as majority_winner_key
from found
inner join canonical_tags as winners
    on found.winner_order = winners.name_order
inner join canonical_tags as majority_winners
    on found.majority_order = majority_winners.name_order
