with

tags as (

    select * from {{ ref('int_tags') }}

),

-- `rollup` adds a row about all prompt versions, which names none.
model_counts as (

    select
        model_prompts.prompt_version,
        model_tags.tag_key,
        sum(model_tags.counted_count) as occurrences,
        count(distinct model_prompts.model) as model_count
    from {{ ref('int_model_prompt_tags') }} as model_tags
    inner join {{ ref('int_model_prompts') }} as model_prompts
        on model_tags.model_prompt_key = model_prompts.model_prompt_key
    where model_tags.counted_count > 0
    group by model_tags.tag_key, rollup (model_prompts.prompt_version)

),

by_version as (

    select
        palette_prompts.prompt_version,
        counts.tag_key,
        sum(counts.answer_count) as answer_count,
        count(*) as palette_count,
        count(*) filter (where counts.is_first_of_palette) as first_count
    from {{ ref('int_tag_counts') }} as counts
    inner join {{ ref('int_palette_prompts') }} as palette_prompts
        on counts.palette_prompt_key = palette_prompts.palette_prompt_key
    group by all

),

totals as (

    select * exclude (first_count) from by_version
    union all
    select
        null as prompt_version,
        tag_key,
        sum(answer_count) as answer_count,
        cast(sum(first_count) as bigint) as palette_count
    from by_version
    group by all

)

select
    totals.prompt_version,
    tags.attribute,
    tags.tag,
    tags.canonical_tag,
    tags.tag_class,
    cast(model_counts.occurrences as bigint) as occurrences,
    cast(totals.answer_count as bigint) as answer_count,
    model_counts.model_count,
    totals.palette_count,
    row_number() over (
        partition by totals.prompt_version, tags.attribute_key
        order by totals.answer_count desc nulls last, tags.name_order asc nulls last
    ) as rank
from totals
inner join model_counts
    on totals.prompt_version is not distinct from model_counts.prompt_version and totals.tag_key = model_counts.tag_key
inner join tags
    on totals.tag_key = tags.tag_key
