-- A join, not a filter: DuckDB takes a filter for one that leaves few, and would keep the wide documents in memory.
with

documents as (

    select
        changes._id,
        changes._creation_time,
        changes._ordinal,
        changes._run_id,
        {{ readable_json('changes.document') }} as document
    from {{ source('raw', 'palette_tags') }} as changes
    inner join {{ ref('stg_convex__palette_tag_versions') }} as versions
        on changes._ordinal = versions._ordinal

),

typed as (

    {{ typed_fields('documents', [
        {'name': 'seed', 'column': 'palette_seed', 'type': 'text'},
        {'name': 'provider', 'column': 'provider', 'type': 'text'},
        {'name': 'model', 'column': 'model', 'type': 'text'},
        {'name': 'analysisIndex', 'column': 'analysis_index', 'type': 'integer', 'optional': true},
        {'name': 'runNumber', 'column': 'run_number', 'type': 'integer', 'optional': true},
        {'name': 'promptVersion', 'column': 'prompt_version', 'type': 'text'},
        {'name': 'tags', 'column': 'tags', 'type': 'json'},
        {'name': 'error', 'column': 'error', 'type': 'text', 'optional': true},
        {'name': 'usage.inputTokens', 'column': 'input_tokens', 'type': 'integer', 'optional': true},
        {'name': 'usage.outputTokens', 'column': 'output_tokens', 'type': 'integer', 'optional': true}
    ], also=['_run_id']) }}

)

select * rename (_id as answer_id) from typed
