{% set steps = 10 %}

with

patterns as (

    select * from {{ ref('int_vote_patterns') }}

),

ballots as materialized (

    {{ ballots('patterns') }}

),

true_tags as materialized (

    {{ true_tags('ballots') }}

),

posteriors_0 as (

    {{ vote_shares('ballots', 'true_tags') }}

),
{% for step in range(steps) %}
expected_votes_{{ step }} as (

    {{ expected_votes('ballots', 'posteriors_' ~ step, 'true_tags') }}

),

log_error_rates_{{ step }} as materialized (

    {{ log_error_rates('expected_votes_' ~ step) }}

),

posteriors_{{ step + 1 }} as (

    {{ tag_posteriors('ballots', 'log_error_rates_' ~ step) }}

),
{% endfor %}

posteriors as (

    select
        pattern_key,
        four,
        unnest([1, 2, 3, 4]) as place,
        unnest([posterior_1, posterior_2, posterior_3, posterior_4]) as posterior
    from posteriors_{{ steps }}

)

select
    posteriors.pattern_key,
    true_tags.true_tag_key as canonical_tag_key,
    posteriors.posterior
from posteriors
inner join patterns
    on posteriors.pattern_key = patterns.pattern_key
inner join true_tags
    on
        patterns.attribute_key = true_tags.attribute_key
        and posteriors.four = true_tags.four
        and posteriors.place = true_tags.place
