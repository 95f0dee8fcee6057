with

counts as (

    select * from {{ ref('int_canonical_counts') }}
    where is_published

),

palette_prompts as (

    select * from {{ ref('int_palette_prompts') }}
    where palette_key > {{ high_water_mark('palette_key') }}

),

canonical_tags as (

    select * from {{ ref('int_canonical_tags') }}

),

summed as (

    select
        palette_prompts.palette_key,
        counts.attribute_key,
        counts.canonical_tag_key,
        cast(sum(counts.answer_count) as bigint) as answer_count,
        cast(sum(counts.palette_vote_parts) as bigint) as vote_parts,
        count(*) as prompt_version_count
    from counts
    inner join palette_prompts
        on counts.palette_prompt_key = palette_prompts.palette_prompt_key
    group by all

)

select
    summed.*,
    row_number() over (
        partition by summed.palette_key, summed.attribute_key
        order by summed.answer_count desc nulls last, canonical_tags.canonical_tag asc nulls last
    ) as rank
from summed
inner join canonical_tags
    on summed.canonical_tag_key = canonical_tags.canonical_tag_key
