with

summed as (

    select
        prompt_version,
        min(first_used_at) as first_used_at,
        cast(sum(result_count) as bigint) as result_count,
        sum(named_success_count) > 0 as is_answered,
        sum(error_count) / sum(result_count) as error_rate,
        sum(malformed_count) / sum(result_count) as malformed_rate,
        sum(input_tokens) / nullif(sum(input_tokens_told_count), 0) as mean_input_tokens,
        sum(output_tokens) / nullif(sum(output_tokens_told_count), 0) as mean_output_tokens
    from {{ ref('int_model_prompts') }}
    group by all

)

-- A version under which no answer counts is no predecessor.
select
    *,
    last_value(case when is_answered then prompt_version end ignore nulls) over (
        order by first_used_at asc nulls last, prompt_version asc nulls last
        rows between unbounded preceding and 1 preceding
    ) as previous_prompt_version
from summed
