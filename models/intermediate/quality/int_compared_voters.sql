{% set last_palette_prompt_key = high_water_mark('palette_prompt_key') %}

with

asked_again as (

    select
        palette_prompts.palette_prompt_key,
        palette_prompts.prompt_version,
        palette_prompts.palette_seed,
        asked_before.palette_prompt_key as previous_palette_prompt_key
    from {{ ref('int_palette_prompts') }} as palette_prompts
    inner join {{ ref('int_prompt_versions') }} as prompt_versions
        on palette_prompts.prompt_version = prompt_versions.prompt_version
    inner join {{ ref('int_palette_prompts') }} as asked_before
        on
            prompt_versions.previous_prompt_version = asked_before.prompt_version
            and palette_prompts.palette_key = asked_before.palette_key
    where palette_prompts.palette_prompt_key > {{ last_palette_prompt_key }}

),

voters as (

    select * from {{ ref('int_voters') }}

),

both_times as (

    select
        asked_again.*,
        voters.attribute_key,
        voters.voter_set & voters_before.voter_set as voter_set
    from asked_again
    inner join voters
        on asked_again.palette_prompt_key = voters.palette_prompt_key
    inner join voters as voters_before
        on
            asked_again.previous_palette_prompt_key = voters_before.palette_prompt_key
            and voters.attribute_key = voters_before.attribute_key

)

select
    *,
    bit_count(voter_set) as voter_count
from both_times
where bit_count(voter_set) > 0
