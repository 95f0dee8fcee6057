{% set last_palette_prompt_key = high_water_mark('palette_prompt_key') %}

with

palette_prompts as (

    select * from {{ ref('int_palette_prompts') }}
    where palette_prompt_key > {{ last_palette_prompt_key }}

),

models as (

    select
        palette_prompt_key,
        bit_or(model_set) as model_set
    from {{ ref('int_counted_answers') }}
    where palette_prompt_key > {{ last_palette_prompt_key }}
    group by all

),

first_answers as (

    select
        palette_prompt_key,
        attribute_key,
        bit_or(first_model_set) as model_set,
        cast(sum(bit_count(first_model_set)) as bigint) as said_count,
        cast(sum(bit_count(first_model_set) * bit_count(first_model_set)) as bigint) as squared_count
    from {{ ref('int_canonical_counts') }}
    where is_published and first_model_set is not null and palette_prompt_key > {{ last_palette_prompt_key }}
    group by all

)

select
    palette_prompts.palette_prompt_key,
    palette_prompts.prompt_version,
    attributes.attribute_key,
    cast(coalesce(bit_count(models.model_set), 0) as bigint) as model_total,
    case when attributes.is_categorical then first_answers.model_set else models.model_set end as voter_set,
    cast(coalesce(bit_count(voter_set), 0) as bigint) as voter_count,
    coalesce(first_answers.said_count, 0) as said_count,
    coalesce(first_answers.squared_count, 0) as squared_count
from palette_prompts
cross join {{ ref('int_attributes') }} as attributes
left join models
    on palette_prompts.palette_prompt_key = models.palette_prompt_key
left join first_answers
    on
        palette_prompts.palette_prompt_key = first_answers.palette_prompt_key
        and attributes.attribute_key = first_answers.attribute_key
