with

texts as (

    select * from {{ ref('int_tag_texts') }}
    where is_categorical and is_publishable

),

answers as (

    select * from {{ ref('int_answers') }}
    where group_key > {{ greatest_kept('group_key') }}

)

select
    tag_values.result_key,
    answers.group_key,
    texts.attribute_key,
    texts.canonical_tag_key
from {{ ref('int_tag_values') }} as tag_values
inner join texts
    on tag_values.text_key = texts.text_key
inner join answers
    on tag_values.result_key = answers.result_key
where tag_values.is_counted
