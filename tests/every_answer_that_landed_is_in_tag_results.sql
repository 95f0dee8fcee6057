select landed.result_id
from {{ ref('stg_convex__palette_tags') }} as landed
full join {{ ref('tag_results') }} as results
    on landed.result_id = results.result_id
where landed.result_id is null or results.result_id is null
