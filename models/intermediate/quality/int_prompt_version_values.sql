select
    model_prompts.prompt_version,
    said.attribute_key,
    cast(sum(said.value_count) as bigint) as value_count,
    sum(said.as_asked_count) / nullif(sum(said.counted_count), 0) as vocabulary_compliance,
    sum(said.malformed_value_count) / sum(said.value_count) as malformed_value_rate,
    sum(said.surplus_count) / sum(said.value_count) as surplus_rate
from {{ ref('int_value_quality') }} as said
inner join {{ ref('int_model_prompts') }} as model_prompts
    on said.model_prompt_key = model_prompts.model_prompt_key
group by all
