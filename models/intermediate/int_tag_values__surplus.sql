with

tag_values as (

    select * from {{ ref('int_tag_values__flat') }}
    where result_key > {{ greatest_kept('result_key') }}

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
    inner join (select distinct attribute_key from votable_texts) as categorical
        on tag_values.attribute_key = categorical.attribute_key
    where tag_values.value_index > 0

),

votes as (

    select
        tag_values.result_key,
        tag_values.attribute_key,
        tag_values.value_index
    from tag_values
    inner join lists
        on tag_values.result_key = lists.result_key and tag_values.attribute_key = lists.attribute_key
    inner join votable_texts
        on tag_values.attribute_key = votable_texts.attribute_key and tag_values.json_text = votable_texts.json_text

)

select * from votes
qualify row_number() over (partition by result_key, attribute_key order by value_index) > 1
