{% set last_key = last_key_given('int_palette_prompts') %}

with

grouped as (

    select * from {{ ref('int_palette_prompts__grouped') }}

),

changed as (

    select grouped.*
    from grouped
    {{ exclude_existing('grouped', ['palette_seed', 'palette_state']) }}

),

numbered as (

    select
        cast(
            {{ last_key }}
            + row_number() over (order by palette_seed asc nulls last, prompt_version asc nulls last) as integer
        ) as palette_prompt_key,
        *
    from changed

)

select
    palette_prompt_key,
    cast(min(palette_prompt_key) over (partition by palette_seed) as integer) as palette_key,
    * exclude (palette_prompt_key)
from numbered
