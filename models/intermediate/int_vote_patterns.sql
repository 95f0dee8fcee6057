with

votes as (

    select * from {{ ref('int_categorical_votes') }}

),

counted as (

    select
        attribute_key,
        votes,
        cast(count(*) as integer) as item_count,
        list_sort(list(group_key)) as group_keys
    from votes
    group by all

)

select
    cast(row_number() over () as integer) as pattern_key,
    *
from counted
