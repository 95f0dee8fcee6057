with

documents as (

    {{ latest_documents(source('raw', 'tag_batches')) }}

),

typed as (

    {{ typed_fields('documents', [
        {'name': 'cycle', 'column': 'cycle', 'type': 'integer', 'optional': true},
        {'name': 'provider', 'column': 'provider', 'type': 'text'},
        {'name': 'model', 'column': 'model', 'type': 'text'},
        {'name': 'batchId', 'column': 'provider_batch_id', 'type': 'text'},
        {'name': 'status', 'column': 'status', 'type': 'text'},
        {'name': 'analysisCount', 'column': 'analysis_count', 'type': 'integer', 'optional': true},
        {'name': 'promptVersion', 'column': 'prompt_version', 'type': 'text', 'optional': true},
        {'name': 'requestCount', 'column': 'request_count', 'type': 'integer'},
        {'name': 'completedCount', 'column': 'completed_count', 'type': 'integer'},
        {'name': 'failedCount', 'column': 'failed_count', 'type': 'integer'},
        {'name': 'createdAt', 'column': 'submitted_at', 'type': 'timestamp'},
        {'name': 'completedAt', 'column': 'completed_at', 'type': 'timestamp', 'optional': true},
        {'name': 'error', 'column': 'error', 'type': 'text', 'optional': true},
        {'name': 'requestOrder', 'column': 'request_order', 'type': 'json', 'optional': true}
    ]) }}

)

select * rename (_id as tag_batch_id) from typed
