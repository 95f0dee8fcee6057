with

documents as (

    {{ latest_documents(source('raw', 'palette_tags')) }}

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
    ]) }}

)

select * rename (_id as result_id) from typed
