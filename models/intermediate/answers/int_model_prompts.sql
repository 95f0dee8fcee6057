with

asked as (

    select distinct
        prompt_version,
        provider,
        model
    from {{ ref('int_answers') }}
    where prompt_version is not null

)

select
    cast(
        {{ high_water_mark('model_prompt_key') }}
        + row_number() over (
            order by asked.prompt_version asc nulls last, asked.provider asc nulls last, asked.model asc nulls last
        ) as integer
    ) as model_prompt_key,
    asked.*
from asked
{{ exclude_existing('asked', ['prompt_version', 'provider', 'model']) }}
