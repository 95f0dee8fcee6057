with

counts as (

    select * from {{ ref('int_canonical_counts') }}
    where is_published and group_key > {{ greatest_kept('group_key') }}

),

attributes as (

    select * from {{ ref('int_attributes') }}

),

lists as (

    select
        group_key,
        attribute_key,
        {{ tags_in_order('canonical_tag_key', 'result_count', 'rank') }} as tags
    from counts
    group by all

)

select
    lists.group_key,
    {{ lists_side_by_side('lists.tags', 'attributes.attribute') }}
from lists
inner join attributes
    on lists.attribute_key = attributes.attribute_key
group by lists.group_key
