with

answers as (

    select * from {{ ref('int_answers') }}
    where prompt_version is not null

),

summed as (

    select
        prompt_version,
        min(created_at) as first_used_at,
        count(*) as answer_count,
        bool_or(status = 'success' and palette_seed is not null) as is_answered,
        count(*) filter (where status = 'error') / count(*) as error_rate,
        count(*) filter (where status = 'malformed') / count(*) as malformed_rate,
        cast(sum(input_tokens) as bigint) / nullif(count(input_tokens), 0) as mean_input_tokens,
        cast(sum(output_tokens) as bigint) / nullif(count(output_tokens), 0) as mean_output_tokens
    from answers
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
