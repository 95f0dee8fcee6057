with

palettes as (

    select * from {{ ref('palettes') }}
    where not is_deleted

),

palette_prompts as (

    select * from {{ ref('int_palette_prompts') }}
    where success_count > 0

),

tag_counts as (

    select
        palette_prompt_key,
        cast(sum(tag_count) as bigint) as tag_count
    from {{ ref('int_attribute_winners') }}
    group by all

),

refined as (

    select
        palette_seed,
        model,
        cycle
    from {{ ref('stg_convex__palette_tag_refined') }}
    where
        error is null
        and not list_contains(invalid_fields, 'error is no text')
        and json_type(tags) = 'OBJECT'
        and len(json_keys(tags)) > 0
        and model is not null
        and cycle is not null

),

refinements as (

    select
        palette_seed,
        list_sort(
            list(distinct struct_pack("cycle" := cycle, model := model)), 'asc', 'nulls last'
        ) as refinements
    from refined
    group by all

)

select
    palettes.palette_seed,
    palette_prompts.prompt_version,
    palettes.palette_id,
    palette_prompts.success_count,
    coalesce(tag_counts.tag_count, 0) as tag_count,
    coalesce(refinements.refinements, []) as refinements
from palettes
inner join palette_prompts
    on palettes.palette_seed = palette_prompts.palette_seed
left join tag_counts
    on palette_prompts.palette_prompt_key = tag_counts.palette_prompt_key
left join refinements
    on palettes.palette_seed = refinements.palette_seed
