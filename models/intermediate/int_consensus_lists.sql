with

counts as (

    select *
    from {{ ref('int_canonical_counts') }}
    where is_published

),

lists as (

    select
        group_key,
        attribute_key,
        list_sort(list(struct_pack(negated_count := -result_count, tag := canonical_tag))) as counted_tags
    from counts
    group by all

)

select
    group_key,
    attribute_key,
    list_transform(
        counted_tags,
        lambda counted: struct_pack(key := counted.tag, value := cast(-counted.negated_count as double))
    ) as tags
from lists
