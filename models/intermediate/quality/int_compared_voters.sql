{% set last_group_key = greatest_kept('group_key') %}

with

asked_again as (

    select
        palette_versions.group_key,
        palette_versions.prompt_version,
        palette_versions.palette_seed,
        asked_before.group_key as previous_group_key
    from {{ ref('int_palette_versions') }} as palette_versions
    inner join {{ ref('int_prompt_versions') }} as prompt_versions
        on palette_versions.prompt_version = prompt_versions.prompt_version
    inner join {{ ref('int_palette_versions') }} as asked_before
        on
            prompt_versions.previous_prompt_version = asked_before.prompt_version
            and palette_versions.palette_key = asked_before.palette_key
    where palette_versions.group_key > {{ last_group_key }}

),

voters as (

    select * from {{ ref('int_group_voters') }}

),

both_times as (

    select
        asked_again.*,
        voters.attribute_key,
        voters.voter_set & voters_before.voter_set as voter_set
    from asked_again
    inner join voters
        on asked_again.group_key = voters.group_key
    inner join voters as voters_before
        on
            asked_again.previous_group_key = voters_before.group_key
            and voters.attribute_key = voters_before.attribute_key

)

select
    *,
    bit_count(voter_set) as voter_count
from both_times
where bit_count(voter_set) > 0
