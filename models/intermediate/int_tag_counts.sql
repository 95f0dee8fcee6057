with

text_counts as (

    select * from {{ ref('int_text_counts') }}

),

texts as (

    select * from {{ ref('int_tag_texts') }}

),

repeats as (

    select * from {{ ref('int_tag_repeats') }}
    where tag_key is not null

),

summed as (

    select
        text_counts.group_key,
        texts.tag_key,
        sum(text_counts.occurrences) as occurrences,
        bit_or(text_counts.model_set) as model_set
    from text_counts
    inner join texts
        on text_counts.text_key = texts.text_key
    group by all

)

select
    summed.group_key,
    summed.tag_key,
    cast(summed.occurrences as bigint) as occurrences,
    cast(summed.occurrences - coalesce(repeats.repeats, 0) as bigint) as result_count,
    summed.model_set
from summed
left join repeats
    on summed.group_key = repeats.group_key and summed.tag_key = repeats.tag_key
