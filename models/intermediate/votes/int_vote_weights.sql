with recursive

places as (

    select
        palette_prompt_key,
        md5(palette_seed || ' ' || prompt_version) as place
    from {{ ref('int_palette_prompts') }}

),

last_places as (

    select
        votes.attribute_key,
        votes.model_key,
        list_max(min(places.place, {{ fitted_votes() }})) as last_place
    from {{ ref('int_model_votes') }} as votes
    inner join places
        on votes.palette_prompt_key = places.palette_prompt_key
    group by all

),

fitted_items as (

    select distinct
        votes.attribute_key,
        votes.palette_prompt_key
    from {{ ref('int_model_votes') }} as votes
    inner join places
        on votes.palette_prompt_key = places.palette_prompt_key
    inner join last_places
        on votes.attribute_key = last_places.attribute_key and votes.model_key = last_places.model_key
    where places.place <= last_places.last_place

),

votes as materialized (

    select
        votes.palette_prompt_key as item_key,
        votes.attribute_key,
        votes.model_key,
        votes.canonical_tag_key,
        votes.voter_share
    from {{ ref('int_model_votes') }} as votes
    semi join fitted_items
        on
            votes.attribute_key = fitted_items.attribute_key
            and votes.palette_prompt_key = fitted_items.palette_prompt_key

),

equals as materialized ({{ equal_estimates('votes') }}),

shares as materialized ({{ vote_scores('votes', 'equals', prior=0) }}),

prior_errors as materialized ({{ prior_errors('votes', 'shares') }}),

first_estimates as ({{ estimates_of('votes', 'shares', 'equals', 'prior_errors') }}),

estimates as (

    select
        *,
        0 as step,
        1e0 as change
    from first_estimates
    union all
    select * from ({{ next_estimates('votes', 'estimates', 'prior_errors') }})

)

-- An attribute whose estimates have converged takes no further step.
select
    attribute_key,
    model_key,
    canonical_tag_key,
    estimate,
    step as step_count,
    change as last_change
from estimates
qualify step = max(step) over (partition by attribute_key)
