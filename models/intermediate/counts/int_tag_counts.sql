with

answers as (

    select * from {{ ref('int_counted_answers') }}
    where palette_prompt_key > {{ high_water_mark('palette_prompt_key') }}

),

tag_values as (

    select
        answer_key,
        tag_key
    from {{ ref('int_tag_values') }}
    where is_counted

),

repeats as (

    select * from {{ ref('int_tag_repeats') }}
    where tag_key is not null

),

summed as (

    select
        answers.palette_prompt_key,
        tag_values.tag_key,
        count(*) as occurrences,
        bit_or(answers.model_set) as model_set,
        bit_or(answers.model_set) filter (where answers.is_first_of_model) as first_model_set,
        sum(answers.vote_part) as vote_parts,
        sum(answers.palette_vote_part) as palette_vote_parts
    from tag_values
    inner join answers
        on tag_values.answer_key = answers.answer_key
    group by all

)

select
    summed.palette_prompt_key,
    tags.attribute_key,
    summed.tag_key,
    cast(summed.occurrences as integer) as occurrences,
    cast(summed.occurrences - coalesce(repeats.repeats, 0) as integer) as answer_count,
    summed.model_set,
    summed.first_model_set,
    cast(coalesce(summed.vote_parts, 0) - coalesce(repeats.vote_parts, 0) as bigint) as vote_parts,
    cast(
        coalesce(summed.palette_vote_parts, 0) - coalesce(repeats.palette_vote_parts, 0) as bigint
    ) as palette_vote_parts,
    cast(
        row_number() over (
            partition by summed.palette_prompt_key, tags.attribute_key
            order by summed.occurrences - coalesce(repeats.repeats, 0) desc nulls last, tags.name_order asc nulls last
        ) as integer
    ) as rank,
    row_number() over (
        partition by palette_prompts.palette_key, summed.tag_key order by summed.palette_prompt_key asc nulls last
    ) = 1 as is_first_of_palette
from summed
inner join {{ ref('int_palette_prompts') }} as palette_prompts
    on summed.palette_prompt_key = palette_prompts.palette_prompt_key
inner join {{ ref('int_tags') }} as tags
    on summed.tag_key = tags.tag_key
left join repeats
    on summed.palette_prompt_key = repeats.palette_prompt_key and summed.tag_key = repeats.tag_key
