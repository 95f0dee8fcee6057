with

-- A tag has the key of the first of its texts.
tags as (

    select
        tag_key,
        attribute_key,
        tag
    from {{ ref('int_texts') }}
    where text_key = tag_key

),

vocabulary as (

    select * from {{ ref('vocabulary') }}

),

synonyms as (

    select * from {{ ref('synonyms') }}

),

unwanted as (

    select * from {{ ref('unwanted_tags') }}

),

looked_up as (

    select
        tags.*,
        attributes.attribute,
        attributes.is_categorical,
        attributes.is_closed,
        coalesce(synonyms.canonical_tag, tags.tag) as canonical_tag,
        vocabulary.tag is not null as is_allowed,
        unwanted.tag is not null or unwanted_anywhere.tag is not null as is_unwanted
    from tags
    inner join {{ ref('int_attributes') }} as attributes
        on tags.attribute_key = attributes.attribute_key
    left join vocabulary
        on attributes.attribute = vocabulary.attribute and tags.tag = vocabulary.tag
    left join synonyms
        on attributes.attribute = synonyms.attribute and tags.tag = synonyms.tag
    left join unwanted
        on attributes.attribute = unwanted.attribute and tags.tag = unwanted.tag
    left join unwanted as unwanted_anywhere
        on unwanted_anywhere.attribute is null and tags.tag = unwanted_anywhere.tag

),

classified as (

    select
        *,
        case
            when is_closed and is_allowed then 'allowed'
            when canonical_tag <> tag then 'mapped'
            when is_unwanted then 'unwanted'
            when length(tag) > {{ max_tag_length() }} then 'too_long'
            when {{ is_fragment('tag') }} then 'fragment'
            when is_closed then 'unmapped'
            else 'open'
        end as tag_class
    from looked_up

)

select
    tag_key,
    attribute_key,
    attribute,
    is_categorical,
    tag,
    canonical_tag,
    min(tag_key) over (partition by attribute_key, canonical_tag) as canonical_tag_key,
    tag_class,
    tag_class not in ('fragment', 'too_long') as is_publishable,
    row_number() over (order by attribute asc nulls last, tag asc nulls last) as name_order
from classified
