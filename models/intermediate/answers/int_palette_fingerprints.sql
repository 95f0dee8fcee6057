with

answers as (

    select * from {{ ref('int_answers') }}
    where palette_seed is not null and prompt_version is not null

),

model_sets as (

    select {{ model_set_length('count(*)') }} as model_set_length
    from {{ ref('int_models') }}

),

counted as (

    select
        palette_seed,
        prompt_version,
        count(*) as answer_count,
        count(*) filter (where status = 'success') as success_count,
        max(created_at) filter (where status = 'success') as last_success_at,
        bit_xor(hash(answer_key)) as answers_fingerprint
    from answers
    group by all

)

-- What is counted depends on the answers, the length of the sets of models, and the answers under the version before.
select
    counted.* exclude (answers_fingerprint),
    bit_xor(
        hash(
            counted.answers_fingerprint,
            model_sets.model_set_length,
            counted.prompt_version,
            prompt_versions.previous_prompt_version
        )
    ) over (partition by counted.palette_seed) as palette_fingerprint
from counted
inner join {{ ref('int_prompt_versions') }} as prompt_versions
    on counted.prompt_version = prompt_versions.prompt_version
cross join model_sets
