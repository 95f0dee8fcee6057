with

model_prompts as (

    select
        model_prompt_key,
        prompt_version,
        provider,
        model
    from {{ ref('int_model_prompts') }}
    where model is not null

),

scopes as (

    select * from model_prompts
    union all
    select * replace (null as prompt_version) from model_prompts

)

select
    cast(
        dense_rank() over (
            order by prompt_version asc nulls last, provider asc nulls last, model asc nulls last
        ) as integer
    ) as scope_key,
    *
from scopes
