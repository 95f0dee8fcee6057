-- Walks through the documents node by node, another way than the models go, and compares with `tag_values`. Walking is
-- slow, so past 10,000 answers it takes every n-th, chosen by id. Objects with a key twice are left to a unit test.
with

sampled as (

    select answer_id
    from {{ ref('int_answers') }}
    where
        status = 'success'
        and hash(answer_id) % (
            select cast(greatest(count(*) // 10000, 1) as ubigint) from {{ ref('int_answers') }}
        ) = 0

),

landed as materialized (

    select
        sampled.answer_id,
        {{ readable_json('source.document') }} as document
    from {{ source('raw', 'palette_tags') }} as source
    inner join {{ ref('stg_convex__palette_tag_versions') }} as versions
        on source._ordinal = versions._ordinal
    inner join sampled
        on source._id = sampled.answer_id

),

answers as (

    select
        answer_id,
        json_extract(document, '$.tags') as tags
    from landed
    where list_unique(json_keys(document, '$.tags')) = len(json_keys(document, '$.tags'))

),

nodes as (

    select
        answers.answer_id,
        regexp_extract(node.fullkey, '^\$\.(\w+)(\[\d+\])*$', 1) as attribute,
        cast(node.value as varchar) as json_text
    from answers, json_tree(answers.tags) as node
    where node.type <> 'ARRAY'

),

said as (

    select
        nodes.answer_id,
        nodes.attribute,
        count(*) as value_count,
        sum(hash(nodes.json_text)) as fingerprint
    from nodes
    inner join {{ ref('attributes') }} as attributes
        on nodes.attribute = attributes.attribute
    group by all

),

in_tag_values as (

    select
        answer_id,
        attribute,
        count(*) as value_count,
        sum(hash(if(value_class = 'not_text', raw_value, cast(to_json(raw_value) as varchar)))) as fingerprint
    from {{ ref('tag_values') }}
    where answer_id in (select answer_id from answers)
    group by all

)

select
    said.*,
    in_tag_values.*
from said
full join in_tag_values
    on said.answer_id = in_tag_values.answer_id and said.attribute = in_tag_values.attribute
where
    not coalesce(
        said.value_count = in_tag_values.value_count and said.fingerprint = in_tag_values.fingerprint, false
    )
