with

canonical_tags as (

    select * from {{ ref('int_canonical_tag_keys') }}

),

attributes as (

    select * from {{ ref('int_attributes') }}

)

select
    canonical_tags.canonical_tag_key,
    canonical_tags.attribute_key,
    attributes.attribute,
    canonical_tags.canonical_tag,
    vocabulary.tag is not null as is_allowed,
    row_number() over (
        order by attributes.attribute asc nulls last, canonical_tags.canonical_tag asc nulls last
    ) as name_order
from canonical_tags
inner join attributes
    on canonical_tags.attribute_key = attributes.attribute_key
left join {{ ref('vocabulary') }} as vocabulary
    on attributes.attribute = vocabulary.attribute and canonical_tags.canonical_tag = vocabulary.tag
