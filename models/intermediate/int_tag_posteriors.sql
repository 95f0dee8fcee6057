with

patterns as (

    select * from {{ ref('int_vote_patterns') }}

),

steps as (

    select * from {{ ref('int_error_rate_steps') }}

),

opinions as (

    select * from {{ ref('int_panel_opinions') }}

),

pattern_opinions as (

    {{ pattern_opinions('patterns') }}

),

ballots as (

    {{ ballots('opinions', 'pattern_opinions') }}

),

log_error_rates as (

    select * from steps
    qualify step = least(max(step) over (), {{ em_steps() }} - 1)

),

tag_posteriors as (

    {{ tag_posteriors('ballots', 'pattern_opinions', 'log_error_rates') }}

),

true_tags as (

    select distinct
        attribute_key,
        four,
        place,
        true_tag_key
    from steps

),

posteriors as (

    select
        pattern_key,
        four,
        unnest([1, 2, 3, 4]) as place,
        unnest([posterior_1, posterior_2, posterior_3, posterior_4]) as posterior
    from tag_posteriors

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
