with

tag_values as (

    select * from {{ ref('int_tag_values') }}
    where group_key is not null

),

surplus as (

    select * from {{ ref('int_tag_values__surplus') }}

)

select tag_values.*
from tag_values
anti join surplus
    on
        tag_values.result_key = surplus.result_key
        and tag_values.attribute_key = surplus.attribute_key
        and tag_values.value_index = surplus.value_index
