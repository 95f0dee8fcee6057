with

versions as (

    select * from {{ ref('stg_convex__palette_tag_versions') }}

),

kept as (

    {{ existing_rows('int_tag_results', ['document_hash', 'result_key']) }}

)

select
    versions._ordinal,
    versions.document_hash,
    kept.result_key
from versions
full join kept
    on versions.document_hash = kept.document_hash
where versions.document_hash is null or kept.document_hash is null
