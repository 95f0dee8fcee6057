with

text_counts as (

    select * from {{ ref('int_text_counts') }}
    where palette_prompt_key > {{ high_water_mark('palette_prompt_key') }}

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
        text_counts.palette_prompt_key,
        texts.attribute_key,
        texts.canonical_tag_key,
        bool_and(texts.is_publishable) as is_published,
        sum(text_counts.occurrences) as occurrences,
        bit_or(text_counts.model_set) as model_set,
        bit_or(text_counts.first_model_set) as first_model_set,
        sum(text_counts.vote_parts) as vote_parts,
        sum(text_counts.palette_vote_parts) as palette_vote_parts
    from text_counts
    inner join texts
        on text_counts.text_key = texts.text_key
    group by all

),

counted as (

    select
        summed.* exclude (vote_parts, palette_vote_parts),
        summed.occurrences - coalesce(repeats.repeats, 0) as result_count,
        coalesce(summed.vote_parts, 0) - coalesce(repeats.vote_parts, 0) as vote_parts,
        coalesce(summed.palette_vote_parts, 0) - coalesce(repeats.palette_vote_parts, 0) as palette_vote_parts
    from summed
    left join repeats
        on
            summed.palette_prompt_key = repeats.palette_prompt_key
            and summed.canonical_tag_key = repeats.canonical_tag_key

)

select
    counted.palette_prompt_key,
    counted.attribute_key,
    counted.canonical_tag_key,
    counted.is_published,
    cast(counted.occurrences as integer) as occurrences,
    cast(counted.result_count as integer) as result_count,
    counted.model_set,
    counted.first_model_set,
    cast(counted.vote_parts as bigint) as vote_parts,
    cast(counted.palette_vote_parts as bigint) as palette_vote_parts,
    cast(
        row_number() over (
            partition by counted.palette_prompt_key, counted.attribute_key
            order by
                counted.is_published desc nulls last,
                counted.result_count desc nulls last,
                canonical_tags.name_order asc nulls last
        ) as integer
    ) as rank
from counted
inner join {{ ref('int_canonical_tags') }} as canonical_tags
    on counted.canonical_tag_key = canonical_tags.canonical_tag_key
