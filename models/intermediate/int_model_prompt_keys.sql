with

asked as (

    select distinct
        prompt_version,
        provider,
        model
    from {{ ref('int_tag_results') }}
    where prompt_version is not null

)

select
    cast(
        {{ greatest_kept('model_prompt_key') }}
        + row_number() over (order by asked.prompt_version, asked.provider, asked.model) as integer
    ) as model_prompt_key,
    asked.*
from asked
{% if is_incremental() %}
anti join {{ this }} as kept
    on
        asked.prompt_version = kept.prompt_version
        and asked.provider is not distinct from kept.provider
        and asked.model is not distinct from kept.model
{% endif %}
