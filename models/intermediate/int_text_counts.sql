with

counted_values as (

    select * from {{ ref('int_counted_values') }}

)

select
    group_key,
    attribute_key,
    json_text,
    count(*) as occurrences,
    bit_or(model_set) as model_set
from counted_values
group by all
