with

counts as (

    select
        palette_seed,
        prompt_version,
        attribute,
        tag,
        answer_count
    from {{ ref('tag_frequencies') }}
    union all
    select
        palette_seed,
        prompt_version,
        attribute,
        canonical_tag,
        answer_count
    from {{ ref('canonical_tag_frequencies') }}

)

select
    counts.*,
    palette_prompts.success_count
from counts
left join {{ ref('int_palette_prompts') }} as palette_prompts
    on
        counts.palette_seed = palette_prompts.palette_seed
        and counts.prompt_version = palette_prompts.prompt_version
where not coalesce(counts.answer_count <= palette_prompts.success_count, false)
