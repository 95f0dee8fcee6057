with

documents as (

    {{ latest_documents(source('raw', 'palette_tags')) }}

)

select
    _id as result_id,
    _ordinal,
    _run_id,
    hash(document) as document_hash
from documents
