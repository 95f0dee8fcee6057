with

summed as (

    select
        prompt_version,
        min(first_used_at) as first_used_at,
        cast(sum(result_count) as bigint) as result_count,
        sum(error_count) / sum(result_count) as error_rate,
        sum(malformed_count) / sum(result_count) as malformed_rate,
        sum(input_tokens) / nullif(sum(input_tokens_told_count), 0) as mean_input_tokens,
        sum(output_tokens) / nullif(sum(output_tokens_told_count), 0) as mean_output_tokens
    from {{ ref('int_model_prompts') }}
    group by all

)

select
    *,
    lag(prompt_version) over (
        order by first_used_at asc nulls last, prompt_version asc nulls last
    ) as previous_prompt_version
from summed
