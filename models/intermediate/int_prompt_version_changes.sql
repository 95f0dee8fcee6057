with

groups as (

    select * from {{ ref('int_group_agreement') }}
    where agreement is not null

),

prompt_versions as (

    select * from {{ ref('int_prompt_versions') }}

),

shared as (

    select
        now_asked.prompt_version,
        now_asked.attribute_key,
        now_asked.agreement - asked_before.agreement as change
    from groups as now_asked
    inner join prompt_versions
        on now_asked.prompt_version = prompt_versions.prompt_version
    inner join groups as asked_before
        on
            prompt_versions.previous_prompt_version = asked_before.prompt_version
            and now_asked.palette_key = asked_before.palette_key
            and now_asked.attribute_key = asked_before.attribute_key

)

select
    prompt_version,
    attribute_key,
    count(*) as shared_palette_count,
    round(avg(change), 12) + 0.0 as agreement_change,
    round(stddev_samp(change) / sqrt(count(*)), 12) as agreement_change_error
from shared
group by all
