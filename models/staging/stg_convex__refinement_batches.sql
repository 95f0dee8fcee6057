with

documents as (

    {{ latest_documents(source('raw', 'refinement_batches')) }}

),

typed as (

    {{ typed_fields('documents', [
        {'name': 'cycle', 'column': 'cycle', 'type': 'integer'},
        {'name': 'provider', 'column': 'provider', 'type': 'text'},
        {'name': 'model', 'column': 'model', 'type': 'text'},
        {'name': 'batchId', 'column': 'provider_batch_id', 'type': 'text'},
        {'name': 'status', 'column': 'status', 'type': 'text'},
        {'name': 'sourcePromptVersions', 'column': 'source_prompt_versions', 'type': 'json', 'optional': true},
        {'name': 'sourceCycles', 'column': 'source_cycles', 'type': 'json', 'optional': true},
        {'name': 'requestCount', 'column': 'request_count', 'type': 'integer'},
        {'name': 'completedCount', 'column': 'completed_count', 'type': 'integer'},
        {'name': 'failedCount', 'column': 'failed_count', 'type': 'integer'},
        {'name': 'createdAt', 'column': 'submitted_at', 'type': 'timestamp'},
        {'name': 'completedAt', 'column': 'completed_at', 'type': 'timestamp', 'optional': true},
        {'name': 'error', 'column': 'error', 'type': 'text', 'optional': true},
        {'name': 'retryCount', 'column': 'retry_count', 'type': 'integer', 'optional': true},
        {'name': 'requestOrder', 'column': 'request_order', 'type': 'json'}
    ]) }}

)

select * rename (_id as refinement_batch_id) from typed
