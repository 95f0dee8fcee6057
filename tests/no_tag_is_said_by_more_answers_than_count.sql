with

counts as (

    select
        palette_seed,
        prompt_version,
        attribute,
        tag,
        result_count
    from {{ ref('tag_frequencies') }}
    union all
    select
        palette_seed,
        prompt_version,
        attribute,
        canonical_tag,
        result_count
    from {{ ref('canonical_tag_frequencies') }}

)

select
    counts.*,
    palette_versions.success_count
from counts
left join {{ ref('int_palette_versions') }} as palette_versions
    on
        counts.palette_seed = palette_versions.palette_seed
        and counts.prompt_version = palette_versions.prompt_version
where not coalesce(counts.result_count <= palette_versions.success_count, false)
