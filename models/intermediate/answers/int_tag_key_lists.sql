with

key_lists as (

    select distinct tag_keys
    from {{ ref('int_tag_results') }}
    where tag_keys is not null

),

attributes as (

    select * from {{ ref('int_attributes') }}

),

keys as (

    select
        tag_keys,
        unnest(from_json(tag_keys, '["VARCHAR"]')) as tag_key,
        generate_subscripts(from_json(tag_keys, '["VARCHAR"]'), 1) as key_index
    from key_lists

),

judged as (

    select
        keys.tag_keys,
        keys.tag_key,
        keys.key_index,
        attributes.attribute_key,
        case
            when attributes.attribute_key is null then 'unknown'
            when keys.key_index < max(keys.key_index) over (partition by keys.tag_keys, keys.tag_key) then 'repeated'
        end as problem
    from keys
    left join attributes
        on keys.tag_key = attributes.attribute

),

lists as (

    select
        tag_keys,
        list(case when problem is null then attribute_key end order by key_index) as attribute_keys,
        list(struct_pack(tag_key := tag_key, problem := problem) order by key_index)
        filter (where problem is not null) as unexpected_keys
    from judged
    group by tag_keys

)

select
    key_lists.tag_keys,
    coalesce(lists.attribute_keys, []) as attribute_keys,
    coalesce(lists.unexpected_keys, []) as unexpected_keys
from key_lists
left join lists
    on key_lists.tag_keys = lists.tag_keys
