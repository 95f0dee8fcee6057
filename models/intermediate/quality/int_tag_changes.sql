with

prompt_versions as (

    select * from {{ ref('int_prompt_versions') }}
    where success_count > 0 and previous_prompt_version is not null

),

said as (

    select * from {{ ref('int_prompt_version_tags') }}

),

both_sides as (

    select
        prompt_versions.prompt_version,
        said.attribute_key,
        said.canonical_tag_key,
        said.result_count,
        0 as previous_result_count
    from said
    inner join prompt_versions
        on said.prompt_version = prompt_versions.prompt_version
    union all
    select
        prompt_versions.prompt_version,
        said.attribute_key,
        said.canonical_tag_key,
        0 as result_count,
        said.result_count as previous_result_count
    from said
    inner join prompt_versions
        on said.prompt_version = prompt_versions.previous_prompt_version

)

select
    prompt_version,
    attribute_key,
    canonical_tag_key,
    cast(sum(result_count) as bigint) as result_count,
    cast(sum(previous_result_count) as bigint) as previous_result_count
from both_sides
group by all
