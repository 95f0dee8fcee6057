with

tag_values as (

    select * from {{ ref('int_tag_values__flat') }}
    where result_key > {{ high_water_mark('result_key') }}

),

texts as (

    select * from {{ ref('int_texts') }}

),

surplus as (

    select * from {{ ref('int_tag_values__surplus') }}

)

select
    tag_values.result_key,
    tag_values.model_prompt_key,
    tag_values.attribute_key,
    tag_values.value_index,
    texts.text_key,
    tag_values.is_repeat_possible,
    surplus.result_key is not null as is_surplus,
    texts.is_countable
    and surplus.result_key is null
    and tag_values.model_prompt_key is not null as is_counted
from tag_values
inner join texts
    on tag_values.attribute_key = texts.attribute_key and tag_values.json_text = texts.json_text
left join surplus
    on
        tag_values.result_key = surplus.result_key
        and tag_values.attribute_key = surplus.attribute_key
        and tag_values.value_index = surplus.value_index
