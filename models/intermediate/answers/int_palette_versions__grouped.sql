with

results as (

    select * from {{ ref('int_tag_results') }}
    where palette_seed is not null and prompt_version is not null

),

model_sets as (

    select {{ model_set_length('count(*)') }} as model_set_length
    from {{ ref('int_models') }}

),

grouped as (

    select
        results.palette_seed,
        results.prompt_version,
        count(*) as result_count,
        count(*) filter (where results.status = 'success') as success_count,
        max(results.created_at) filter (where results.status = 'success') as last_success_at,
        bit_xor(hash(results.result_key, model_sets.model_set_length)) as group_state
    from results
    cross join model_sets
    group by all

)

select
    * exclude (group_state),
    bit_xor(group_state) over (partition by palette_seed) as palette_state
from grouped
