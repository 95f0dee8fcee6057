with

texts as (

    select * from {{ ref('int_texts') }}

),

tags as (

    select * from {{ ref('int_tags') }}

),

canonical_tags as (

    select * from {{ ref('int_canonical_tags') }}

),

attributes as (

    select * from {{ ref('int_attributes') }}

)

select
    texts.text_key,
    tags.tag_key,
    canonical_tags.canonical_tag_key,
    texts.attribute_key,
    texts.json_text,
    attributes.attribute,
    attributes.is_categorical,
    coalesce(texts.text, texts.json_text) as raw_value,
    texts.tag,
    coalesce(tags.canonical_tag, texts.tag) as canonical_tag,
    coalesce(tags.tag_class, if(texts.text is null, 'not_text', 'empty')) as text_class,
    texts.is_countable,
    coalesce(tags.is_publishable, false) as is_publishable
from texts
inner join attributes
    on texts.attribute_key = attributes.attribute_key
left join tags
    on texts.attribute_key = tags.attribute_key and texts.tag = tags.tag
left join canonical_tags
    on tags.attribute_key = canonical_tags.attribute_key and tags.canonical_tag = canonical_tags.canonical_tag
