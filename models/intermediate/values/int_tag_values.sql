with

answer_values as not materialized (

    select * from {{ ref('int_answer_values') }}
    where answer_key > {{ high_water_mark('answer_key') }}

),

model_prompts as (

    select
        answers.answer_key,
        model_prompts.model_prompt_key
    from {{ ref('int_answers') }} as answers
    inner join {{ ref('int_model_prompts') }} as model_prompts
        on
            answers.prompt_version = model_prompts.prompt_version
            and answers.provider is not distinct from model_prompts.provider
            and answers.model is not distinct from model_prompts.model
    where answers.status = 'success' and answers.palette_seed is not null

),

texts as (

    select * from {{ ref('int_texts') }}

),

-- The first usable value of a categorical attribute is the answer's vote. Few answers give more than one value for it.
lists as (

    select distinct
        answer_values.answer_key,
        answer_values.attribute_key
    from answer_values
    inner join {{ ref('int_attributes') }} as attributes
        on answer_values.attribute_key = attributes.attribute_key
    where attributes.is_categorical and answer_values.value_index > 0

),

listed_values as (

    select answer_values.*
    from answer_values
    semi join lists
        on answer_values.answer_key = lists.answer_key and answer_values.attribute_key = lists.attribute_key

),

extra_values as (

    select
        listed_values.answer_key,
        listed_values.attribute_key,
        listed_values.value_index
    from listed_values
    inner join texts
        on listed_values.attribute_key = texts.attribute_key and listed_values.json_text = texts.json_text
    where texts.is_countable
    qualify row_number() over (
        partition by listed_values.answer_key, listed_values.attribute_key
        order by listed_values.value_index asc nulls last
    ) > 1

)

select
    answer_values.answer_key,
    model_prompts.model_prompt_key,
    answer_values.attribute_key,
    answer_values.value_index,
    texts.text_key,
    texts.tag_key,
    texts.text is not null as is_text,
    answer_values.is_repeat_possible,
    extra_values.answer_key is not null as is_extra,
    texts.is_countable and extra_values.answer_key is null and model_prompts.answer_key is not null as is_counted
from answer_values
inner join texts
    on answer_values.attribute_key = texts.attribute_key and answer_values.json_text = texts.json_text
left join model_prompts
    on answer_values.answer_key = model_prompts.answer_key
left join extra_values
    on
        answer_values.answer_key = extra_values.answer_key
        and answer_values.attribute_key = extra_values.attribute_key
        and answer_values.value_index = extra_values.value_index
