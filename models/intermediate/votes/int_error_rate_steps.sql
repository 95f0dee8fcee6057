-- A step of EM that changes no error rate is the last, for it would be followed by its like.
with recursive

patterns as (

    select * exclude (group_keys)
    from {{ ref('int_vote_patterns') }}

),

ballots as materialized (

    {{ ballots(ref('int_panel_opinions'), 'patterns') }}

),

true_tags as materialized (

    {{ true_tags('ballots') }}

),

log_error_rates as (

    select
        *,
        0 as step
    from ({{ first_log_error_rates('ballots', 'patterns', 'true_tags') }})

    union all

    select * exclude (is_changed)
    from ({{ next_log_error_rates('ballots', 'patterns', 'true_tags', 'log_error_rates') }})
    where is_changed and step <= {{ em_steps() }}

)

select * from log_error_rates
