with

texts as (

    select * from {{ ref('int_tag_texts') }}
    where is_countable

)

select
    tag_key,
    attribute_key,
    attribute,
    tag,
    min(canonical_tag) as canonical_tag,
    min(text_class) as tag_class
from texts
group by all
