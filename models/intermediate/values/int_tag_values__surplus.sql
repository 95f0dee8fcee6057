with

tag_values as not materialized (

    select * from {{ ref('int_tag_values__flat') }}
    where result_key > {{ high_water_mark('seen_up_to') }}

),

votable_texts as (

    select texts.*
    from {{ ref('int_texts') }} as texts
    inner join {{ ref('int_attributes') }} as attributes
        on texts.attribute_key = attributes.attribute_key
    where attributes.is_categorical and texts.is_countable

),

lists as (

    select distinct
        tag_values.result_key,
        tag_values.attribute_key
    from tag_values
    semi join votable_texts
        on tag_values.attribute_key = votable_texts.attribute_key
    where tag_values.value_index > 0

),

-- Few, so that few texts are compared.
listed_values as materialized (

    select tag_values.*
    from tag_values
    semi join lists
        on tag_values.result_key = lists.result_key and tag_values.attribute_key = lists.attribute_key

)

select
    listed_values.result_key,
    listed_values.attribute_key,
    listed_values.value_index,
    (select max(result_key) from tag_values) as seen_up_to
from listed_values
semi join votable_texts
    on listed_values.attribute_key = votable_texts.attribute_key and listed_values.json_text = votable_texts.json_text
qualify row_number() over (
    partition by listed_values.result_key, listed_values.attribute_key
    order by listed_values.value_index asc nulls last
) > 1
