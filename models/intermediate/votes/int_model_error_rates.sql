with

steps as (

    select * from {{ ref('int_error_rate_steps') }}

)

select
    attribute_key,
    nullif(model_key, 0) as model_key,
    true_tag_key,
    nullif(said_tag_key, 0) as said_tag_key,
    round(expected_votes / 1e12 - if(model_key = 0, 0, {{ pseudo_votes() }}), 6) as expected_votes,
    round(exp(log_error_rate / 1e12), 9) as error_rate
from steps
qualify step = max(step) over ()
