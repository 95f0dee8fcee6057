with

tag_values as (

    select * from {{ ref('int_tag_values') }}

),

texts as (

    select * from {{ ref('int_tag_texts') }}

),

surplus as (

    select * from {{ ref('int_tag_values__surplus') }}

),

results as (

    select * from {{ ref('int_tag_results') }}

)

select
    results.result_id,
    texts.attribute,
    tag_values.value_index,
    results.palette_seed,
    results.prompt_version,
    results.provider,
    results.model,
    texts.raw_value,
    texts.tag,
    texts.canonical_tag,
    if(surplus.result_key is not null, 'surplus', texts.text_class) as value_class,
    texts.is_countable and surplus.result_key is null and tag_values.group_key is not null as is_counted
from tag_values
inner join texts
    on tag_values.attribute_key = texts.attribute_key and tag_values.json_text = texts.json_text
inner join results
    on tag_values.result_key = results.result_key
left join surplus
    on
        tag_values.result_key = surplus.result_key
        and tag_values.attribute_key = surplus.attribute_key
        and tag_values.value_index = surplus.value_index
