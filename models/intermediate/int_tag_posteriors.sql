{% set steps = 10 %}

with

patterns as (

    select * from {{ ref('int_vote_patterns') }}

),

ballots as materialized (

    {{ ballots('patterns') }}

),

true_tags as (

    select distinct
        attribute_key,
        said_tag_key as true_tag_key
    from ballots
    where model_key <> 0

),

posteriors_0 as (

    select
        ballots.pattern_key,
        true_tags.true_tag_key,
        cast(round(
            1e12 * sum(if(ballots.said_tag_key = true_tags.true_tag_key, ballots.vote_count, 0))
            / sum(ballots.vote_count)
        ) as bigint) as posterior
    from ballots
    inner join true_tags
        on ballots.attribute_key = true_tags.attribute_key
    where ballots.model_key <> 0
    group by ballots.pattern_key, true_tags.true_tag_key

),
{% for step in range(steps) %}
expected_votes_{{ step }} as (

    {{ expected_votes('ballots', 'posteriors_' ~ step) }}

),

log_error_rates_{{ step }} as materialized (

    {{ log_error_rates('expected_votes_' ~ step) }}

),

posteriors_{{ step + 1 }} as (

    {{ tag_posteriors('ballots', 'log_error_rates_' ~ step) }}

){{ ',' if not loop.last }}
{% endfor %}

select
    pattern_key,
    true_tag_key as canonical_tag_key,
    posterior
from posteriors_{{ steps }}
