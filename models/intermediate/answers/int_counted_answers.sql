with

answers as (

    select * from {{ ref('int_answers') }}
    where status = 'success'

),

palette_prompts as (

    select * from {{ ref('int_palette_prompts') }}
    where palette_prompt_key > {{ high_water_mark('palette_prompt_key') }}

),

models as (

    select
        model,
        model_key,
        {{ model_set_length('count(*) over ()') }} as model_set_length
    from {{ ref('int_models') }}

)

select
    answers.answer_key,
    palette_prompts.palette_prompt_key,
    models.model_key,
    set_bit(cast(repeat('0', models.model_set_length) as bit), models.model_key - 1, 1) as model_set,
    models.model_key is not null
    and row_number() over (
        partition by palette_prompts.palette_prompt_key, models.model_key
        order by answers.analysis_index asc nulls last, answers.answer_id asc nulls last
    ) = 1 as is_first_of_model,
    {{ part_of_a_vote('models.model_key', ['palette_prompts.palette_prompt_key', 'models.model_key']) }} as vote_part,
    {{ part_of_a_vote('models.model_key', ['palette_prompts.palette_key', 'models.model_key']) }} as palette_vote_part
from answers
inner join palette_prompts
    on
        answers.palette_seed = palette_prompts.palette_seed
        and answers.prompt_version = palette_prompts.prompt_version
left join models
    on answers.model = models.model
