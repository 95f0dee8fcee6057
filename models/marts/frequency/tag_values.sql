with

tag_values as (

    select * from {{ ref('int_tag_values') }}

),

texts as (

    select * from {{ ref('int_tag_texts') }}

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
    case when tag_values.is_surplus then 'surplus' else texts.text_class end as value_class,
    tag_values.is_counted
from tag_values
inner join texts
    on tag_values.text_key = texts.text_key
inner join results
    on tag_values.result_key = results.result_key
