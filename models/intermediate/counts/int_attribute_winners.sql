with

counts as (

    select * from {{ ref('int_canonical_counts') }}
    where is_published and palette_prompt_key > {{ high_water_mark('palette_prompt_key') }}

)

select
    palette_prompt_key,
    attribute_key,
    {{ what_ranks_agree_on() }}
from counts
group by all
