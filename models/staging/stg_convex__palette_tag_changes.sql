{% set new_runs = runs_to_read(source('raw', 'palette_tags')) %}

with

changes as (

    select
        _run_id,
        _ordinal - _seq as first_ordinal,
        _ordinal,
        _op,
        _id as answer_id,
        hash({{ readable_json('document') }}) as document_hash
    from {{ source('raw', 'palette_tags') }}
    {% if is_incremental() %}
    where _run_id in ({{ new_runs }})
    {% endif %}

)

select
    _run_id,
    first_ordinal,
    max(_ordinal) as _ordinal,
    max_by(_op, _ordinal) as _op,
    answer_id,
    max_by(document_hash, _ordinal) as document_hash
from changes
group by _run_id, first_ordinal, answer_id
