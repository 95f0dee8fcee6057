with

rejected as (

    select * from {{ ref('stg_convex__rejected_lines') }}

)

select * from rejected
