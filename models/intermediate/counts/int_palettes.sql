with

palette_prompts as (

    select * from {{ ref('int_palette_prompts') }}

),

models as (

    select
        palette_prompts.palette_key,
        bit_or(answers.model_set) as model_set
    from {{ ref('int_counted_answers') }} as answers
    inner join palette_prompts
        on answers.palette_prompt_key = palette_prompts.palette_prompt_key
    group by all

),

palettes as (

    select
        palette_key,
        palette_seed,
        cast(sum(success_count) as bigint) as success_count,
        count(*) filter (where success_count > 0) as prompt_version_count
    from palette_prompts
    group by all

)

select
    palettes.*,
    cast(coalesce(bit_count(models.model_set), 0) as bigint) as model_total
from palettes
left join models
    on palettes.palette_key = models.palette_key
