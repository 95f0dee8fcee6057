with

counts as (

    select * from {{ ref('int_tag_counts') }}

),

palette_prompts as (

    select * from {{ ref('int_palette_prompts') }}

),

tags as (

    select * from {{ ref('int_tags') }}

)

select
    palette_prompts.palette_seed,
    palette_prompts.prompt_version,
    tags.attribute,
    tags.tag,
    tags.canonical_tag,
    tags.tag_class,
    cast(counts.occurrences as bigint) as occurrences,
    cast(counts.answer_count as bigint) as answer_count,
    cast(coalesce(bit_count(counts.model_set), 0) as bigint) as model_count,
    counts.answer_count / palette_prompts.success_count as share,
    cast(counts.rank as bigint) as rank
from counts
inner join palette_prompts
    on counts.palette_prompt_key = palette_prompts.palette_prompt_key
inner join tags
    on counts.tag_key = tags.tag_key
