with

grouped as (

    select * from {{ ref('int_palette_versions__grouped') }}

),

changed as (

    select grouped.*
    from grouped
    {% if is_incremental() %}
    anti join {{ this }} as kept
        on grouped.palette_seed = kept.palette_seed and grouped.palette_state = kept.palette_state
    {% endif %}

),

numbered as (

    select
        cast(
            {{ last_key_given() }} + row_number() over (order by palette_seed, prompt_version) as integer
        ) as group_key,
        *
    from changed

)

select
    group_key,
    cast(min(group_key) over (partition by palette_seed) as integer) as palette_key,
    * exclude (group_key)
from numbered
