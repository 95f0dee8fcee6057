with

tag_values as (

    select * from {{ ref('int_tag_values__flat') }}
    where result_key > {{ high_water_mark('seen_up_to') }}

),

said as (

    select
        attribute_key,
        json_text,
        max(result_key) as last_result_key
    from tag_values
    group by all

),

seen as (

    select
        * exclude (last_result_key),
        max(last_result_key) over () as seen_up_to
    from said

),

new_texts as (

    select seen.*
    from seen
    {{ exclude_existing('seen', ['attribute_key', 'json_text']) }}

),

read as (

    select
        *,
        case when json_text like '"%' then cast(json_text as json) ->> '$' end as text
    from new_texts

),

cleaned as (

    select
        *,
        {{ clean_tag('text') }} as tag
    from read

)

select
    cast(
        {{ high_water_mark('text_key') }}
        + row_number() over (order by attribute_key asc nulls last, json_text asc nulls last) as integer
    ) as text_key,
    attribute_key,
    json_text,
    text,
    tag,
    coalesce(tag <> '', false) as is_countable,
    seen_up_to
from cleaned
