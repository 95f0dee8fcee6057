-- Walks through the documents node by node, another way than the models go, and compares with `tag_values`. Walking is
-- slow, so past 20,000 answers it takes every n-th, chosen by id.
with

answers as (

    select
        result_id,
        tags
    from {{ ref('stg_convex__palette_tags') }}
    where
        json_type(tags) = 'OBJECT'
        and hash(result_id) % (select greatest(count(*) // 20000, 1) from {{ ref('tag_results') }}) = 0

),

said as (

    select
        answers.result_id,
        attributes.attribute,
        count(*) as value_count,
        sum(hash(cast(node.value as varchar))) as fingerprint
    from answers
    cross join {{ ref('attributes') }} as attributes,
        json_tree(json_extract(answers.tags, '$."' || attributes.attribute || '"')) as node
    where
        node.type <> 'ARRAY'
        and regexp_full_match(node.fullkey, '\$(\[\d+\])*')
        and len(list_filter(json_keys(answers.tags), lambda key: key = attributes.attribute)) = 1
    group by all

),

in_tag_values as (

    select
        result_id,
        attribute,
        count(*) as value_count,
        sum(hash(if(value_class = 'not_text', raw_value, cast(to_json(raw_value) as varchar)))) as fingerprint
    from {{ ref('tag_values') }}
    where result_id in (select result_id from said)
    group by all

)

select
    said.*,
    in_tag_values.*
from said
full join in_tag_values
    on said.result_id = in_tag_values.result_id and said.attribute = in_tag_values.attribute
where
    not coalesce(
        said.value_count = in_tag_values.value_count and said.fingerprint = in_tag_values.fingerprint, false
    )
