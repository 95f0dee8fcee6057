with

answers as (

    select * from {{ ref('int_answers') }}
    where status = 'success' and answer_key > {{ high_water_mark('answer_key') }}

),

key_lists as (

    select * from {{ ref('int_key_lists') }}

),

fields as (

    select
        answers.answer_key,
        unnest(key_lists.attribute_keys) as attribute_key,
        unnest(cast(json_extract(answers.tags, '$.*') as varchar[])) as json_text
    from answers
    inner join key_lists
        on answers.json_keys = key_lists.json_keys

),

flat_lists as (

    select
        answer_key,
        attribute_key,
        case
            when json_text like '[%' then cast(from_json(json_text, '["JSON"]') as varchar[])
            else [json_text]
        end as json_texts
    from fields
    where attribute_key is not null and json_text not like '[%[%'

),

nested_lists as (

    select
        fields.answer_key,
        fields.attribute_key,
        list(cast(node.value as varchar) order by node.id asc nulls last) as json_texts
    from fields, json_tree(fields.json_text) as node
    where
        fields.attribute_key is not null
        and fields.json_text like '[%[%'
        and node.type <> 'ARRAY'
        and regexp_full_match(node.fullkey, '\$(\[\d+\])*')
    group by fields.answer_key, fields.attribute_key

),

lists as (

    select * from flat_lists
    union all
    select * from nested_lists

),

compared as (

    select
        *,
        {{ has_repeats('json_texts') }} as is_repeat_possible
    from lists

)

select
    answer_key,
    attribute_key,
    cast(generate_subscripts(json_texts, 1) - 1 as integer) as value_index,
    coalesce(unnest(json_texts), 'null') as json_text,
    is_repeat_possible
from compared
