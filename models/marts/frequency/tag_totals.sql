with

tags as (

    select * from {{ ref('int_tags') }}

),

-- `rollup` adds a row about all prompt versions, which names none.
told as (

    select
        model_prompts.prompt_version,
        texts.tag_key,
        sum(said.counted_count) as occurrences,
        count(distinct model_prompts.model) as model_count
    from {{ ref('int_text_totals') }} as said
    inner join {{ ref('int_model_prompt_keys') }} as model_prompts
        on said.model_prompt_key = model_prompts.model_prompt_key
    inner join {{ ref('int_tag_texts') }} as texts
        on said.text_key = texts.text_key
    where said.counted_count > 0
    group by texts.tag_key, rollup (model_prompts.prompt_version)

),

by_version as (

    select
        palette_prompts.prompt_version,
        counts.tag_key,
        sum(counts.result_count) as result_count,
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
        sum(result_count) as result_count,
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
    cast(told.occurrences as bigint) as occurrences,
    cast(totals.result_count as bigint) as result_count,
    told.model_count,
    totals.palette_count,
    row_number() over (
        partition by totals.prompt_version, tags.attribute_key
        order by totals.result_count desc nulls last, tags.name_order asc nulls last
    ) as rank
from totals
inner join told
    on totals.prompt_version is not distinct from told.prompt_version and totals.tag_key = told.tag_key
inner join tags
    on totals.tag_key = tags.tag_key
