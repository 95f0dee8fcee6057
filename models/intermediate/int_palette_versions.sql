with

results as (

    select * from {{ ref('int_tag_results') }}

),

grouped as (

    select
        palette_seed,
        prompt_version,
        count(*) as result_count,
        count(*) filter (where status = 'success') as success_count,
        max(created_at) filter (where status = 'success') as last_success_at
    from results
    where palette_seed is not null and prompt_version is not null
    group by all

)

select
    cast(row_number() over (order by palette_seed, prompt_version) as integer) as group_key,
    cast(dense_rank() over (order by palette_seed) as integer) as palette_key,
    *
from grouped
