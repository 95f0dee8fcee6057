with

standing as not materialized (

    select * from {{ ref('stg_convex__palette_tag_changes') }}
    where
        _op <> 'truncate'
        and _ordinal > (
            select coalesce(max(_ordinal), -1) from {{ ref('stg_convex__palette_tag_changes') }}
            where _op = 'truncate'
        )

),

first_run as (

    select min(first_ordinal) as first_ordinal from standing

),

-- The first run is mostly by far the largest: what came after it is looked up for each of its documents.
later as (

    select
        standing.answer_id,
        standing.first_ordinal
    from standing
    inner join first_run
        on standing.first_ordinal > first_run.first_ordinal

)

select
    standing._ordinal,
    standing.document_hash
from standing
anti join later
    on standing.answer_id = later.answer_id and standing.first_ordinal < later.first_ordinal
where standing._op = 'upsert'
