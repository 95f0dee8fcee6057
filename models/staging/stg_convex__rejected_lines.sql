with

rejected as (

    select * from {{ source('raw', 'rejected_lines') }}

)

select
    _run_id as run_id,
    "table" as table_name,
    line_number,
    part,
    reason,
    raw
from rejected
