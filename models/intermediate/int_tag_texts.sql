with

texts as (

    select distinct
        attribute_key,
        json_text
    from {{ ref('int_tag_values__flat') }}

),

attributes as (

    select * from {{ ref('int_attributes') }}

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

read as (

    select
        *,
        case when json_text like '"%' then cast(json_text as json) ->> '$' end as text
    from texts

),

cleaned as (

    select
        *,
        {{ clean_tag('text') }} as tag
    from read

),

looked_up as (

    select
        cleaned.*,
        attributes.attribute,
        attributes.is_categorical,
        attributes.is_closed,
        coalesce(synonyms.canonical_tag, cleaned.tag) as canonical_tag,
        vocabulary.tag is not null as is_allowed,
        unwanted.tag is not null or unwanted_anywhere.tag is not null as is_unwanted
    from cleaned
    inner join attributes
        on cleaned.attribute_key = attributes.attribute_key
    left join vocabulary
        on attributes.attribute = vocabulary.attribute and cleaned.tag = vocabulary.tag
    left join synonyms
        on attributes.attribute = synonyms.attribute and cleaned.tag = synonyms.tag
    left join unwanted
        on attributes.attribute = unwanted.attribute and cleaned.tag = unwanted.tag
    left join unwanted as unwanted_anywhere
        on unwanted_anywhere.attribute is null and cleaned.tag = unwanted_anywhere.tag

),

classified as (

    select
        *,
        case
            when text is null then 'not_text'
            when tag = '' then 'empty'
            when is_closed and is_allowed then 'allowed'
            when canonical_tag <> tag then 'mapped'
            when is_unwanted then 'unwanted'
            when length(tag) > {{ max_tag_length() }} then 'too_long'
            when {{ is_fragment('tag') }} then 'fragment'
            when is_closed then 'unmapped'
            else 'open'
        end as text_class
    from looked_up

)

select
    cast(row_number() over () as integer) as text_key,
    cast(dense_rank() over (order by attribute_key, tag) as integer) as tag_key,
    cast(dense_rank() over (order by attribute_key, canonical_tag) as integer) as canonical_tag_key,
    attribute_key,
    json_text,
    attribute,
    is_categorical,
    coalesce(text, json_text) as raw_value,
    tag,
    canonical_tag,
    text_class,
    text_class not in ('not_text', 'empty') as is_countable,
    text_class not in ('not_text', 'empty', 'fragment', 'too_long') as is_publishable
from classified
