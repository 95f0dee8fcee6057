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
        palette_seed,
        prompt_version,
        count(*) as result_count,
        count(*) filter (where status = 'success') as success_count,
        max(created_at) filter (where status = 'success') as last_success_at,
        bit_xor(hash(result_key)) as results_state
    from results
    group by all

)

-- What is kept of a palette and prompt is made of its answers, sets of models, and answers under the version before.
select
    grouped.* exclude (results_state),
    bit_xor(
        hash(
            grouped.results_state,
            model_sets.model_set_length,
            grouped.prompt_version,
            prompt_versions.previous_prompt_version
        )
    ) over (partition by grouped.palette_seed) as palette_state
from grouped
inner join {{ ref('int_prompt_versions') }} as prompt_versions
    on grouped.prompt_version = prompt_versions.prompt_version
cross join model_sets
