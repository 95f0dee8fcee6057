{% set most_steps = 10 %}

-- A step of EM that changes no error rate is the last, for it would be followed by its like.
with recursive

patterns as (

    select * from {{ ref('int_vote_patterns') }}

),

ballots as materialized (

    {{ ballots('patterns') }}

),

true_tags as materialized (

    {{ true_tags('ballots') }}

),

log_error_rates as (

    select
        *,
        1 as step
    from ({{ first_log_error_rates('ballots', 'true_tags') }})

    union all

    select * exclude (is_changed)
    from ({{ next_log_error_rates('ballots', 'true_tags', 'log_error_rates') }})
    where is_changed and step <= {{ most_steps }}

),

last_log_error_rates as (

    select * from log_error_rates
    qualify step = max(step) over ()

),

last_posteriors as (

    {{ tag_posteriors('ballots', 'last_log_error_rates') }}

),

posteriors as (

    select
        pattern_key,
        four,
        unnest([1, 2, 3, 4]) as place,
        unnest([posterior_1, posterior_2, posterior_3, posterior_4]) as posterior
    from last_posteriors

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
