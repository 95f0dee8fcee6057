with

documents as (

    {{ latest_documents(source('raw', 'prompt_versions')) }}

),

typed as (

    {{ typed_fields('documents', [
        {'name': 'version', 'column': 'prompt_version', 'type': 'text'},
        {'name': 'type', 'column': 'prompt_type', 'type': 'text'},
        {'name': 'content', 'column': 'content', 'type': 'text'},
        {'name': 'message', 'column': 'message', 'type': 'text', 'optional': true}
    ]) }}

)

select * rename (_id as prompt_version_id) from typed
