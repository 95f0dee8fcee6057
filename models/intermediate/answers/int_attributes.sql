with

attributes as (

    select * from {{ ref('attributes') }}

)

select
    cast(row_number() over (order by attribute asc nulls last) as tinyint) as attribute_key,
    attribute,
    kind = 'categorical' as is_categorical,
    vocabulary = 'closed' as is_closed
from attributes
