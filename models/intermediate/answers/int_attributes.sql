with

attributes as (

    select * from {{ ref('attributes') }}

),

vocabulary as (

    select
        attribute,
        count(*) as allowed_tag_count
    from {{ ref('vocabulary') }}
    group by attribute

)

select
    cast(row_number() over (order by attributes.attribute asc nulls last) as tinyint) as attribute_key,
    attributes.attribute,
    attributes.kind = 'categorical' as is_categorical,
    attributes.vocabulary = 'closed' as is_closed,
    coalesce(vocabulary.allowed_tag_count, 0) as allowed_tag_count
from attributes
left join vocabulary
    on attributes.attribute = vocabulary.attribute
