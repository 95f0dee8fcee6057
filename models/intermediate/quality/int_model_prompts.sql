with

results as (

    select * from {{ ref('int_tag_results') }}
    where prompt_version is not null

),

summed as (

    select
        prompt_version,
        provider,
        model,
        min(created_at) as first_used_at,
        count(*) as result_count,
        count(*) filter (where status = 'success') as success_count,
        count(*) filter (where status = 'success' and palette_seed is not null) as named_success_count,
        count(*) filter (where status = 'error') as error_count,
        count(*) filter (where status = 'malformed') as malformed_count,
        cast(sum(input_tokens) as bigint) as input_tokens,
        cast(sum(output_tokens) as bigint) as output_tokens,
        count(input_tokens) as input_tokens_told_count,
        count(output_tokens) as output_tokens_told_count
    from results
    group by all

)

select
    keys.model_prompt_key,
    summed.*
from summed
inner join {{ ref('int_model_prompt_keys') }} as keys
    on
        summed.prompt_version = keys.prompt_version
        and summed.provider is not distinct from keys.provider
        and summed.model is not distinct from keys.model
