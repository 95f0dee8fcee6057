with

palette_prompts as (

    select *
    from {{ ref('int_palette_prompts') }}
    where success_count > 0

),

lists as (

    select * from {{ ref('int_consensus_lists') }}

)

select
    palette_prompts.palette_seed as seed,
    palette_prompts.prompt_version as "promptVersion",
    cast(palette_prompts.success_count as double) as "totalModels",
    {{ consensus_columns('lists') }},
    coalesce(epoch_us(palette_prompts.last_success_at) / 1000, 0.0) as "updatedAt"
from palette_prompts
left join lists -- noqa: ST11
    on palette_prompts.palette_prompt_key = lists.palette_prompt_key
