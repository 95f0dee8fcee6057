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

ranked as (

    select
        pattern_key,
        min(struct_pack(less := -posterior, fewer := -vote_count, name_order), 1) as by_posterior,
        min(struct_pack(fewer := -vote_count, name_order), 2) as by_votes,
        cast(sum(vote_count) as bigint) as total
    from candidates
    group by pattern_key

)

select
    ranked.pattern_key,
    winners.canonical_tag as winner,
    round(-ranked.by_posterior[1].less / 1e12, 6) as posterior,
    -ranked.by_posterior[1].fewer as votes,
    ranked.total,
    majority_winners.canonical_tag as majority_winner,
    -ranked.by_votes[1].fewer as majority_votes,
    coalesce(ranked.by_votes[1].fewer = ranked.by_votes[2].fewer, false) as is_majority_tie
from ranked
inner join canonical_tags as winners
    on ranked.by_posterior[1].name_order = winners.name_order
inner join canonical_tags as majority_winners
    on ranked.by_votes[1].name_order = majority_winners.name_order
