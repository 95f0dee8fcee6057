with

-- By a number: a list of keys may have a million characters, and each of its keys would carry them along.
key_lists as (

    select
        json_keys,
        row_number() over (order by json_keys asc nulls last) as list_key
    from (
        select distinct json_keys
        from {{ ref('int_answers') }}
        where json_keys is not null
    )

),

attributes as (

    select * from {{ ref('int_attributes') }}

),

keys as (

    select
        list_key,
        unnest(from_json(json_keys, '["VARCHAR"]')) as json_key,
        generate_subscripts(from_json(json_keys, '["VARCHAR"]'), 1) as key_index
    from key_lists

),

judged as (

    select
        keys.list_key,
        keys.json_key,
        keys.key_index,
        attributes.attribute_key,
        case
            when attributes.attribute_key is null then 'unknown'
            when keys.key_index < max(keys.key_index) over (partition by keys.list_key, keys.json_key) then 'repeated'
        end as problem
    from keys
    left join attributes
        on keys.json_key = attributes.attribute

),

lists as (

    select
        list_key,
        list(case when problem is null then attribute_key end order by key_index asc nulls last) as attribute_keys,
        list(struct_pack(json_key := json_key, problem := problem) order by key_index asc nulls last)
        filter (where problem is not null) as unexpected_keys
    from judged
    group by list_key

)

select
    key_lists.json_keys,
    coalesce(lists.attribute_keys, []) as attribute_keys,
    coalesce(lists.unexpected_keys, []) as unexpected_keys
from key_lists
left join lists
    on key_lists.list_key = lists.list_key
