with

palette_versions as (

    select * from {{ ref('int_palette_versions') }}
    where success_count > 0 and palette_key > {{ greatest_kept('palette_key') }}

),

palettes as (

    select
        palette_key,
        sum(success_count) as success_count
    from palette_versions
    group by all

),

said as (

    select
        palette_versions.palette_key,
        counts.canonical_tag_key,
        sum(counts.result_count) as result_count
    from {{ ref('int_canonical_counts') }} as counts
    inner join palette_versions
        on counts.group_key = palette_versions.group_key
    where counts.is_published
    group by all

)

select
    said.palette_key,
    said.canonical_tag_key
from said
inner join palettes
    on said.palette_key = palettes.palette_key
where said.result_count * 4 >= palettes.success_count
