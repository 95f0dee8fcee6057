with

votes as (

    select * from {{ ref('int_categorical_votes') }}
    where group_key > {{ greatest_kept('seen_up_to') }}

),

said as (

    select
        attribute_key,
        votes,
        max(group_key) as last_group_key
    from votes
    group by all

),

seen as (

    select
        * exclude (last_group_key),
        max(last_group_key) over () as seen_up_to
    from said

)

select
    cast(
        {{ greatest_kept('opinion_key') }} + row_number() over (order by seen.votes asc nulls last) as integer
    ) as opinion_key,
    seen.*
from seen
{{ without_kept('seen', ['attribute_key', 'votes']) }}
