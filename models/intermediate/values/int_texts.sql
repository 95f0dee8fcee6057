with

answer_values as (

    select * from {{ ref('int_answer_values') }}
    where answer_key > {{ high_water_mark('last_answer_key') }}

),

distinct_texts as (

    select
        attribute_key,
        json_text,
        max(max(answer_key)) over () as last_answer_key
    from answer_values
    group by all

),

new_texts as (

    select distinct_texts.*
    from distinct_texts
    {{ exclude_existing('distinct_texts', ['attribute_key', 'json_text']) }}

),

decoded as (

    select
        *,
        case when json_text like '"%' then cast(json_text as json) ->> '$' end as text
    from new_texts

),

cleaned as (

    select
        *,
        {{ clean_tag('text') }} as tag
    from decoded

),

numbered as (

    select
        cast(
            {{ high_water_mark('text_key') }}
            + row_number() over (order by attribute_key asc nulls last, json_text asc nulls last) as integer
        ) as text_key,
        *,
        coalesce(tag <> '', false) as is_countable
    from cleaned

),

tags as (

    {% if is_incremental() %}
    select
        tag_key,
        attribute_key,
        tag
    from {{ this }}
    where text_key = tag_key
    {% else %}
    select
        null as tag_key,
        null as attribute_key,
        cast(null as varchar) as tag
    where false
    {% endif %}

)

-- A tag's key is the least of its texts' keys. Texts stay, and keys only grow: so it stays, too.
select
    numbered.text_key,
    case
        when numbered.is_countable
            then
                coalesce(
                    tags.tag_key,
                    min(numbered.text_key) over (partition by numbered.attribute_key, numbered.tag)
                )
    end as tag_key,
    numbered.attribute_key,
    numbered.json_text,
    numbered.text,
    numbered.tag,
    numbered.is_countable,
    numbered.last_answer_key
from numbered
left join tags
    on numbered.attribute_key = tags.attribute_key and numbered.tag = tags.tag
