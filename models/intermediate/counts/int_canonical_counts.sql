with

text_counts as (

    select * from {{ ref('int_text_counts') }}
    where group_key > {{ greatest_kept('group_key') }}

),

texts as (

    select * from {{ ref('int_tag_texts') }}

),

canonical_tags as (

    select * from {{ ref('int_canonical_tags') }}

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

),

counted as (

    select
        summed.*,
        summed.occurrences - coalesce(repeats.repeats, 0) as result_count
    from summed
    left join repeats
        on summed.group_key = repeats.group_key and summed.canonical_tag_key = repeats.canonical_tag_key

)

select
    counted.group_key,
    counted.attribute_key,
    counted.canonical_tag_key,
    counted.is_published,
    cast(counted.occurrences as integer) as occurrences,
    cast(counted.result_count as integer) as result_count,
    counted.model_set,
    cast(
        row_number() over (
            partition by counted.group_key, counted.attribute_key
            order by
                counted.is_published desc nulls last,
                counted.result_count desc nulls last,
                canonical_tags.name_order asc nulls last
        ) as integer
    ) as rank
from counted
inner join canonical_tags
    on counted.canonical_tag_key = canonical_tags.canonical_tag_key
