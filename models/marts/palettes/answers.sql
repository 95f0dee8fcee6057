with

documents as (

    select * from {{ ref('int_answers') }}

),

value_counts as (

    select * from {{ ref('int_value_counts') }}

)

select
    documents.answer_id,
    documents.palette_seed,
    documents.provider,
    documents.model,
    documents.prompt_version,
    documents.analysis_index,
    documents.status,
    documents.error,
    documents.input_tokens,
    documents.output_tokens,
    coalesce(value_counts.text_value_count, 0) as text_value_count,
    coalesce(value_counts.malformed_value_count, 0) as malformed_value_count,
    documents.invalid_fields,
    documents.created_at
from documents
left join value_counts
    on documents.answer_key = value_counts.answer_key
