with

runs as (

    select distinct
        _run_id,
        _ordinal - _seq as first_ordinal
    from {{ source('raw', 'palette_tags') }}

),

changes as (

    select
        changes.*,
        runs.first_ordinal + changes._seq as _ordinal
    from {{ ref('stg_convex__palette_tag_changes') }} as changes
    inner join runs
        on changes._run_id = runs._run_id

),

latest as (

    {{ latest_changes('changes', 'result_id') }}

)

select
    changes.result_id,
    changes._ordinal,
    changes._run_id,
    changes.document_hash
from changes
semi join latest
    on changes._ordinal = latest._ordinal
where changes._op = 'upsert'
