with

results as (

    select * from {{ ref('int_tag_results') }}
    where status = 'success'

),

key_lists as (

    select * from {{ ref('int_tag_key_lists') }}

),

model_prompts as (

    select * from {{ ref('int_model_prompt_keys') }}

)

select
    results.result_key,
    results.result_id,
    model_prompts.model_prompt_key,
    key_lists.attribute_keys
from results
inner join key_lists
    on results.tag_keys = key_lists.tag_keys
left join model_prompts
    on
        results.palette_seed is not null
        and results.prompt_version = model_prompts.prompt_version
        and results.provider is not distinct from model_prompts.provider
        and results.model is not distinct from model_prompts.model
