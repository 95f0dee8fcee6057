with

models as (

    select distinct model
    from {{ ref('int_answers') }}
    where status = 'success' and model is not null

)

select
    cast(
        {{ high_water_mark('model_key') }} + row_number() over (order by models.model asc nulls last) as integer
    ) as model_key,
    models.model
from models
{{ exclude_existing('models', ['model']) }}
