with

text_counts as (

    select * from {{ ref('int_text_counts') }}
    where palette_prompt_key > {{ high_water_mark('palette_prompt_key') }}

),

texts as (

    select * from {{ ref('int_tag_texts') }}

),

tags as (

    select * from {{ ref('int_tags') }}

),

repeats as (

    select * from {{ ref('int_tag_repeats') }}
    where tag_key is not null

),

summed as (

    select
        text_counts.palette_prompt_key,
        texts.attribute_key,
        texts.tag_key,
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
        summed.occurrences - coalesce(repeats.repeats, 0) as result_count,
        row_number() over (
            partition by palette_prompts.palette_key, summed.tag_key order by summed.palette_prompt_key asc nulls last
        ) = 1 as is_first_of_palette
    from summed
    inner join {{ ref('int_palette_prompts') }} as palette_prompts
        on summed.palette_prompt_key = palette_prompts.palette_prompt_key
    left join repeats
        on summed.palette_prompt_key = repeats.palette_prompt_key and summed.tag_key = repeats.tag_key

)

select
    counted.palette_prompt_key,
    counted.attribute_key,
    counted.tag_key,
    cast(counted.occurrences as integer) as occurrences,
    cast(counted.result_count as integer) as result_count,
    counted.model_set,
    cast(
        row_number() over (
            partition by counted.palette_prompt_key, counted.attribute_key
            order by counted.result_count desc nulls last, tags.name_order asc nulls last
        ) as integer
    ) as rank,
    counted.is_first_of_palette
from counted
inner join tags
    on counted.tag_key = tags.tag_key
