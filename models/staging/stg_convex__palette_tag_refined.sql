with

documents as (

    {{ latest_documents(source('raw', 'palette_tag_refined')) }}

),

typed as (

    {{ typed_fields('documents', [
        {'name': 'seed', 'column': 'palette_seed', 'type': 'text'},
        {'name': 'model', 'column': 'model', 'type': 'text'},
        {'name': 'cycle', 'column': 'cycle', 'type': 'integer'},
        {'name': 'promptVersion', 'column': 'prompt_version', 'type': 'text'},
        {'name': 'sourcePromptVersions', 'column': 'source_prompt_versions', 'type': 'json', 'optional': true},
        {'name': 'sourceCycles', 'column': 'source_cycles', 'type': 'json', 'optional': true},
        {'name': 'tags', 'column': 'tags', 'type': 'json'},
        {'name': 'embedText', 'column': 'embed_text', 'type': 'text'},
        {'name': 'inputSummary', 'column': 'input_summary', 'type': 'json', 'optional': true},
        {'name': 'error', 'column': 'error', 'type': 'text', 'optional': true},
        {'name': 'usage.inputTokens', 'column': 'input_tokens', 'type': 'number', 'optional': true},
        {'name': 'usage.outputTokens', 'column': 'output_tokens', 'type': 'number', 'optional': true}
    ]) }}

)

select * rename (_id as refined_id) from typed
