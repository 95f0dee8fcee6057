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

),

answered as (

    select
        prompt_version,
        cast(sum(success_count) as bigint) as success_count
    from {{ ref('int_palette_versions') }}
    group by all
    having sum(success_count) > 0

)

-- A version under which no answer counts is no predecessor.
select
    summed.*,
    coalesce(answered.success_count, 0) as success_count,
    last_value(answered.prompt_version ignore nulls) over before as previous_prompt_version,
    last_value(answered.success_count ignore nulls) over before as previous_success_count
from summed
left join answered
    on summed.prompt_version = answered.prompt_version
window before as (
    order by summed.first_used_at asc nulls last, summed.prompt_version asc nulls last
    rows between unbounded preceding and 1 preceding
)
