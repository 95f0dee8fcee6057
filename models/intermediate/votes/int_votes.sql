with

texts as (

    select * from {{ ref('int_tag_texts') }}
    where is_categorical and is_publishable

)

select
    tag_values.result_key,
    texts.attribute_key,
    texts.canonical_tag_key
from {{ ref('int_tag_values') }} as tag_values
inner join texts
    on tag_values.text_key = texts.text_key
where tag_values.is_counted and tag_values.result_key > {{ high_water_mark('result_key') }}
