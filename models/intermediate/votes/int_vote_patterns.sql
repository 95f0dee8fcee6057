with

items as (

    select * from {{ ref('int_item_opinions') }}

),

counted as (

    select
        attribute_key,
        {{ opinion_columns() }},
        cast(count(*) as integer) as item_count,
        list_sort(list(group_key), 'asc', 'nulls last') as group_keys
    from items
    group by all

)

select
    cast(row_number() over () as integer) as pattern_key,
    *
from counted
