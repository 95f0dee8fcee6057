with

results as (

    select
        prompt_version,
        min(created_at) as first_used_at
    from {{ ref('int_tag_results') }}
    where palette_seed is not null and prompt_version is not null
    group by all

),

answered as (

    select
        prompt_version,
        cast(sum(success_count) as bigint) as success_count
    from {{ ref('int_palette_versions') }}
    group by all
    having sum(success_count) > 0

)

select
    answered.prompt_version,
    answered.success_count,
    lag(answered.prompt_version) over in_order as previous_prompt_version,
    lag(answered.success_count) over in_order as previous_success_count
from answered
inner join results
    on answered.prompt_version = results.prompt_version
window in_order as (order by results.first_used_at asc nulls last, answered.prompt_version asc nulls last)
