with

tag_counts as (

    select * from {{ ref('int_tag_counts') }}
    where palette_prompt_key > {{ high_water_mark('palette_prompt_key') }}

),

tags as (

    select * from {{ ref('int_tags') }}

),

repeats as (

    select * from {{ ref('int_tag_repeats') }}
    where canonical_tag_key is not null

),

summed as (

    select
        tag_counts.palette_prompt_key,
        tag_counts.attribute_key,
        tags.canonical_tag_key,
        bool_and(tags.is_publishable) as is_published,
        sum(tag_counts.occurrences) as occurrences,
        sum(tag_counts.answer_count) as answer_count,
        bit_or(tag_counts.model_set) as model_set,
        bit_or(tag_counts.first_model_set) as first_model_set,
        sum(tag_counts.vote_parts) as vote_parts,
        sum(tag_counts.palette_vote_parts) as palette_vote_parts
    from tag_counts
    inner join tags
        on tag_counts.tag_key = tags.tag_key
    group by all

)

select
    summed.palette_prompt_key,
    summed.attribute_key,
    summed.canonical_tag_key,
    summed.is_published,
    cast(summed.occurrences as integer) as occurrences,
    cast(summed.answer_count - coalesce(repeats.repeats, 0) as integer) as answer_count,
    summed.model_set,
    summed.first_model_set,
    cast(summed.vote_parts - coalesce(repeats.vote_parts, 0) as bigint) as vote_parts,
    cast(summed.palette_vote_parts - coalesce(repeats.palette_vote_parts, 0) as bigint) as palette_vote_parts,
    cast(
        row_number() over (
            partition by summed.palette_prompt_key, summed.attribute_key
            order by
                summed.is_published desc nulls last,
                summed.answer_count - coalesce(repeats.repeats, 0) desc nulls last,
                canonical_tags.name_order asc nulls last
        ) as integer
    ) as rank
from summed
inner join {{ ref('int_canonical_tags') }} as canonical_tags
    on summed.canonical_tag_key = canonical_tags.canonical_tag_key
left join repeats
    on
        summed.palette_prompt_key = repeats.palette_prompt_key
        and summed.canonical_tag_key = repeats.canonical_tag_key
