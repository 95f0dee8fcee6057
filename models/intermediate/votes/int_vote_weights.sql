with

steps as (

    select * from {{ ref('int_weight_steps') }}

)

select
    attribute_key,
    model_key,
    canonical_tag_key,
    estimate,
    step as step_count,
    change as last_change
from steps
qualify step = max(step) over (partition by attribute_key)
