with

groups as (

    select * from {{ ref('int_group_agreement') }}
    where agreement is not null

),

palette_versions as (

    select * from {{ ref('int_palette_versions') }}

),

asked_twice as (

    select
        now_asked.prompt_version,
        now_asked.group_key,
        asked_before.group_key as previous_group_key
    from palette_versions as now_asked
    inner join {{ ref('int_prompt_versions') }} as prompt_versions
        on now_asked.prompt_version = prompt_versions.prompt_version
    inner join palette_versions as asked_before
        on
            prompt_versions.previous_prompt_version = asked_before.prompt_version
            and now_asked.palette_key = asked_before.palette_key

),

shared as (

    select
        asked_twice.prompt_version,
        now_said.attribute_key,
        now_said.agreement - said_before.agreement as change
    from asked_twice
    inner join groups as now_said
        on asked_twice.group_key = now_said.group_key
    inner join groups as said_before
        on asked_twice.previous_group_key = said_before.group_key and now_said.attribute_key = said_before.attribute_key

),

means as (

    select
        prompt_version,
        attribute_key,
        {{ exact_avg('change') }} as mean_change
    from shared
    group by all

)

select
    shared.prompt_version,
    shared.attribute_key,
    count(*) as shared_palette_count,
    round(means.mean_change, 12) + 0.0 as agreement_change,
    round(
        sqrt({{ exact_sum('pow(shared.change - means.mean_change, 2)') }} / nullif(count(*) - 1, 0) / count(*)), 12
    ) as agreement_change_error
from shared
inner join means
    on shared.prompt_version = means.prompt_version and shared.attribute_key = means.attribute_key
group by shared.prompt_version, shared.attribute_key, means.mean_change
