{% set new_runs = runs_not_kept(source('raw', 'palette_tags')) %}

select
    _run_id,
    _seq,
    _op,
    _id as result_id,
    hash({{ readable_json('document') }}) as document_hash
from {{ source('raw', 'palette_tags') }}
{% if is_incremental() %}
where _run_id in ({{ new_runs }})
{% endif %}
