with

counts as (

    select * from {{ ref('int_canonical_counts') }}
    where is_published and palette_prompt_key > {{ high_water_mark('palette_prompt_key') }}

),

attributes as (

    select * from {{ ref('int_attributes') }}

),

lists as (

    select
        palette_prompt_key,
        attribute_key,
        {{ tags_in_order('canonical_tag_key', 'result_count', 'rank') }} as tags
    from counts
    group by all

)

select
    lists.palette_prompt_key,
    {{ lists_side_by_side('lists.tags', 'attributes.attribute') }}
from lists
inner join attributes
    on lists.attribute_key = attributes.attribute_key
group by lists.palette_prompt_key
