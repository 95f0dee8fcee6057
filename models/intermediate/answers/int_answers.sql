with

results as (

    select * from {{ ref('int_tag_results') }}
    where status = 'success'

),

palette_prompts as (

    select * from {{ ref('int_palette_prompts') }}
    where palette_prompt_key > {{ high_water_mark('palette_prompt_key') }}

),

model_prompts as (

    select * from {{ ref('int_model_prompt_keys') }}

),

models as (

    select
        model,
        model_key,
        {{ model_set_length('count(*) over ()') }} as model_set_length
    from {{ ref('int_models') }}

)

select
    results.result_key,
    palette_prompts.palette_prompt_key,
    model_prompts.model_prompt_key,
    models.model_key,
    set_bit(cast(repeat('0', models.model_set_length) as bit), models.model_key - 1, 1) as model_set,
    models.model_key is not null
    and row_number() over (
        partition by palette_prompts.palette_prompt_key, models.model_key
        order by results.analysis_index asc nulls last, results.result_id asc nulls last
    ) = 1 as is_first_of_model,
    {{ part_of_a_vote('models.model_key', ['palette_prompts.palette_prompt_key', 'models.model_key']) }} as vote_part,
    {{ part_of_a_vote('models.model_key', ['palette_prompts.palette_key', 'models.model_key']) }} as palette_vote_part
from results
inner join palette_prompts
    on
        results.palette_seed = palette_prompts.palette_seed
        and results.prompt_version = palette_prompts.prompt_version
inner join model_prompts
    on
        results.prompt_version = model_prompts.prompt_version
        and results.provider is not distinct from model_prompts.provider
        and results.model is not distinct from model_prompts.model
left join models
    on results.model = models.model
