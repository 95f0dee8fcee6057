with

counts as (

    select * from {{ ref('int_palette_counts') }}
    where palette_key > {{ high_water_mark('palette_key') }}

),

palettes as (

    select * from {{ ref('int_palettes') }}

)

select
    counts.palette_key,
    counts.canonical_tag_key
from counts
inner join palettes
    on counts.palette_key = palettes.palette_key
where counts.answer_count * 4 >= palettes.success_count
