{% set last_key = last_key_given('int_palette_versions') %}

with

grouped as (

    select * from {{ ref('int_palette_versions__grouped') }}

),

changed as (

    select grouped.*
    from grouped
    {{ without_kept('grouped', ['palette_seed', 'palette_state']) }}

),

numbered as (

    select
        cast(
            {{ last_key }}
            + row_number() over (order by palette_seed asc nulls last, prompt_version asc nulls last) as integer
        ) as group_key,
        *
    from changed

)

select
    group_key,
    cast(min(group_key) over (partition by palette_seed) as integer) as palette_key,
    * exclude (group_key)
from numbered
