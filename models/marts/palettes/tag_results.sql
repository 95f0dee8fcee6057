with

results as (

    select * from {{ ref('int_tag_results') }}

),

texts as (

    select * from {{ ref('int_tag_texts') }}

),

value_counts as (

    select
        tag_values.result_key,
        count(*) filter (where texts.text_class <> 'not_text') as value_count,
        count(*) filter (where texts.text_class = 'not_text') as malformed_value_count
    from {{ ref('int_tag_values') }} as tag_values
    inner join texts
        on tag_values.text_key = texts.text_key
    group by all

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
