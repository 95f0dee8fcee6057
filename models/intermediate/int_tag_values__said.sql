with

answers as (

    select * from {{ ref('int_answers') }}

),

tag_objects as (

    select
        _ordinal,
        document
    from {{ ref('stg_convex__palette_tags') }}

),

fields as (

    select
        answers.result_key,
        unnest(answers.attribute_keys) as attribute_key,
        unnest(cast(json_extract(tag_objects.document, '$.tags.*') as varchar[])) as json_text
    from tag_objects
    inner join answers
        on tag_objects._ordinal = answers._ordinal

),

elements as (

    select
        result_key,
        attribute_key,
        json_text like '[%[%' as is_nested,
        case
            when json_text like '[%' then cast(from_json(json_text, '["JSON"]') as varchar[])
            else [json_text]
        end as elements
    from fields
    where attribute_key is not null

)

select
    result_key,
    attribute_key,
    is_nested,
    is_nested or list_unique(elements) < len(elements) as is_repeat_possible,
    cast(generate_subscripts(elements, 1) - 1 as integer) as value_index,
    coalesce(unnest(elements), 'null') as json_text
from elements
