with

patterns as (

    select * exclude (group_keys)
    from {{ ref('int_vote_patterns') }}

),

steps as (

    select * from {{ ref('int_error_rate_steps') }}

),

ballots as (

    {{ ballots(ref('int_panel_opinions'), 'patterns') }}

),

log_error_rates as (

    select * from steps
    qualify step = least(max(step) over (), {{ em_steps() }} - 1)

),

true_tags as (

    select distinct
        attribute_key,
        four,
        place,
        true_tag_key
    from steps

),

tag_posteriors as (

    {{ tag_posteriors('ballots', 'patterns', 'true_tags', 'log_error_rates') }}

),

votes as (

    {{ votes_by_place('ballots', 'patterns', 'true_tags') }}

),

posteriors as (

    select
        votes.pattern_key,
        votes.attribute_key,
        votes.four,
        unnest([1, 2, 3, 4]) as place,
        unnest([votes_1, votes_2, votes_3, votes_4]) as vote_count,
        unnest([posterior_1, posterior_2, posterior_3, posterior_4]) as posterior
    from tag_posteriors
    inner join votes
        on tag_posteriors.pattern_key = votes.pattern_key and tag_posteriors.four = votes.four

)

select
    posteriors.pattern_key,
    true_tags.true_tag_key as canonical_tag_key,
    posteriors.posterior,
    posteriors.vote_count
from posteriors
inner join true_tags
    on
        posteriors.attribute_key = true_tags.attribute_key
        and posteriors.four = true_tags.four
        and posteriors.place = true_tags.place
