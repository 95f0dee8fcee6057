-- Lists in the making can't be spilled, so these come after the others. depends_on: {{ ref('int_consensus_lists') }}
with

counts as (

    select * from {{ ref('int_palette_counts') }}
    where palette_key > {{ high_water_mark('palette_key') }}

),

attributes as (

    select * from {{ ref('int_attributes') }}

),

lists as (

    select
        palette_key,
        attribute_key,
        {{ tags_in_order('canonical_tag_key', 'result_count', 'rank') }} as tags
    from counts
    group by all

)

select
    lists.palette_key,
    {{ lists_side_by_side('lists.tags', 'attributes.attribute') }}
from lists
inner join attributes
    on lists.attribute_key = attributes.attribute_key
group by lists.palette_key
