with

states as (

    select * from {{ ref('int_palette_fingerprints') }}

),

numbered as (

    select
        cast(
            {{ last_key_given() }}
            + row_number() over (
                order by states.palette_seed asc nulls last, states.prompt_version asc nulls last
            ) as integer
        ) as palette_prompt_key,
        states.*
    from states
    {{ exclude_existing('states', ['palette_seed', 'palette_fingerprint']) }}

)

select
    palette_prompt_key,
    cast(min(palette_prompt_key) over (partition by palette_seed) as integer) as palette_key,
    * exclude (palette_prompt_key)
from numbered
