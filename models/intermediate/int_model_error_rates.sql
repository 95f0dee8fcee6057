with

patterns as (

    select * from {{ ref('int_vote_patterns') }}

),

posteriors as (

    select
        pattern_key,
        canonical_tag_key as true_tag_key,
        posterior
    from {{ ref('int_tag_posteriors') }}

),

ballots as (

    {{ ballots('patterns') }}

),

expected_votes as (

    {{ expected_votes('ballots', 'posteriors') }}

),

log_error_rates as (

    {{ log_error_rates('expected_votes') }}

)

select
    attribute_key,
    nullif(model_key, 0) as model_key,
    true_tag_key,
    nullif(said_tag_key, 0) as said_tag_key,
    round(expected_votes / 1e12 - if(model_key = 0, 0, {{ pseudo_votes() }}), 6) as expected_votes,
    round(exp(log_error_rate / 1e12), 9) as error_rate
from log_error_rates
