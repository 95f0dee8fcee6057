with

results as (

    select * from {{ ref('int_tag_results') }}

),

value_counts as (

    select * from {{ ref('int_value_counts') }}

)

select
    results.result_id,
    results.palette_seed,
    results.provider,
    results.model,
    results.prompt_version,
    results.analysis_index,
    results.status,
    results.error,
    results.input_tokens,
    results.output_tokens,
    coalesce(value_counts.value_count, 0) as value_count,
    coalesce(value_counts.malformed_value_count, 0) as malformed_value_count,
    results.invalid_fields,
    results.created_at
from results
left join value_counts
    on results.result_key = value_counts.result_key
