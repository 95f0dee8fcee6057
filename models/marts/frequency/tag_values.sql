with

tag_values as (

    select * from {{ ref('int_tag_values') }}

),

texts as (

    select * from {{ ref('int_texts') }}

),

tags as (

    select * from {{ ref('int_tags') }}

),

answers as (

    select * from {{ ref('int_answers') }}

)

select
    answers.answer_id,
    attributes.attribute,
    tag_values.value_index,
    answers.palette_seed,
    answers.prompt_version,
    answers.provider,
    answers.model,
    coalesce(texts.text, texts.json_text) as raw_value,
    texts.tag,
    coalesce(tags.canonical_tag, texts.tag) as canonical_tag,
    case
        when texts.text is null then 'not_text'
        when tags.tag_key is null then 'empty'
        when tag_values.is_extra then 'extra'
        else tags.tag_class
    end as value_class,
    tag_values.is_counted
from tag_values
inner join texts
    on tag_values.text_key = texts.text_key
inner join {{ ref('int_attributes') }} as attributes
    on tag_values.attribute_key = attributes.attribute_key
inner join answers
    on tag_values.answer_key = answers.answer_key
left join tags
    on tag_values.tag_key = tags.tag_key
