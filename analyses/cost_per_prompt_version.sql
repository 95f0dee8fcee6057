-- What each prompt version cost, in tokens. Answers that tell no tokens are counted, but add none.
with

results as (

    select
        *,
        input_tokens is not null and output_tokens is not null as has_tokens
    from {{ ref('answers') }}

)

select
    prompt_version,
    count(*) as answer_count,
    count(*) filter (where status = 'success') as success_count,
    count(*) filter (where not has_tokens) as untold_count,
    sum(input_tokens) as input_tokens,
    sum(output_tokens) as output_tokens,
    round(avg(input_tokens + output_tokens), 1) as mean_tokens,
    round(
        sum(input_tokens + output_tokens) / nullif(count(*) filter (where status = 'success' and has_tokens), 0), 1
    ) as tokens_per_success
from results
group by prompt_version
order by min(created_at) asc nulls last, prompt_version asc nulls last
