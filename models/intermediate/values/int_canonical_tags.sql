with

canonical_tags as (

    select distinct
        canonical_tag_key,
        attribute_key,
        attribute,
        canonical_tag
    from {{ ref('int_tags') }}

)

select
    canonical_tags.*,
    vocabulary.tag is not null as is_allowed,
    row_number() over (
        order by canonical_tags.attribute asc nulls last, canonical_tags.canonical_tag asc nulls last
    ) as name_order
from canonical_tags
left join {{ ref('vocabulary') }} as vocabulary
    on canonical_tags.attribute = vocabulary.attribute and canonical_tags.canonical_tag = vocabulary.tag
