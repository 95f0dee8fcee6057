with

text_counts as (

    select * from {{ ref('int_text_counts') }}

),

texts as (

    select * from {{ ref('int_tag_texts') }}

),

repeats as (

    select * from {{ ref('int_tag_repeats') }}
    where canonical_tag_key is not null

),

summed as (

    select
        text_counts.group_key,
        texts.attribute_key,
        texts.canonical_tag_key,
        bool_and(texts.is_publishable) as is_published,
        sum(text_counts.occurrences) as occurrences,
        bit_or(text_counts.model_set) as model_set
    from text_counts
    inner join texts
        on text_counts.text_key = texts.text_key
    group by all

)

select
    summed.group_key,
    summed.attribute_key,
    summed.canonical_tag_key,
    summed.is_published,
    cast(summed.occurrences as bigint) as occurrences,
    cast(summed.occurrences - coalesce(repeats.repeats, 0) as bigint) as result_count,
    summed.model_set
from summed
left join repeats
    on summed.group_key = repeats.group_key and summed.canonical_tag_key = repeats.canonical_tag_key
