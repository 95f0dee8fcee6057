with

tag_values as (

    select * from {{ ref('int_tag_values') }}
    where is_counted and result_key > {{ high_water_mark('result_key') }}

),

texts as (

    select * from {{ ref('int_tag_texts') }}
    where text_class = 'unmapped'

)

select
    tag_values.result_key,
    tag_values.text_key
from tag_values
semi join texts
    on tag_values.text_key = texts.text_key
