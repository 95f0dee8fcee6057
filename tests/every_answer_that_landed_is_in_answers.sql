select landed.answer_id
from {{ ref('stg_convex__palette_tags') }} as landed
full join {{ ref('answers') }} as results
    on landed.answer_id = results.answer_id
where landed.answer_id is null or results.answer_id is null
