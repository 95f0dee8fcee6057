with

counts as (

    select * from {{ ref('int_palette_counts') }}
    where palette_key > {{ high_water_mark('palette_key') }}

)

select
    palette_key,
    attribute_key,
    {{ what_ranks_agree_on() }}
from counts
group by all
