with

patterns as (

    select * from {{ ref('int_vote_patterns') }}

),

tag_posteriors as (

    select * from {{ ref('int_tag_posteriors') }}

),

ballots as materialized (

    {{ ballots('patterns') }}

),

true_tags as materialized (

    {{ true_tags('ballots') }}

),

posteriors as (

    select
        tag_posteriors.pattern_key,
        true_tags.four,
        {{ by_place('tag_posteriors.posterior', 'posterior') }}
    from tag_posteriors
    inner join true_tags
        on tag_posteriors.canonical_tag_key = true_tags.true_tag_key
    group by all

),

expected_votes as (

    {{ expected_votes('ballots', 'posteriors', 'true_tags') }}

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
