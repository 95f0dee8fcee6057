with

elements as (

    select *
    from {{ ref('int_tag_values__said') }}
    where is_nested and result_key > {{ high_water_mark('result_key') }}

),

leaves as (

    select
        elements.*,
        cast(node.value as varchar) as leaf,
        node.id as leaf_index
    from elements, json_tree(elements.json_text) as node
    where
        node.type <> 'ARRAY'
        and regexp_full_match(node.fullkey, '\$(\[\d+\])*')

)

select
    result_key,
    model_prompt_key,
    attribute_key,
    cast(
        row_number() over (
            partition by result_key, attribute_key order by value_index asc nulls last, leaf_index asc nulls last
        ) - 1 as integer
    ) as value_index,
    is_repeat_possible,
    leaf as json_text
from leaves
