with

palettes as (

    select count(palette_key) as all_palette_count
    from {{ ref('int_palettes') }}
    where success_count > 0

),

tags as (

    select
        canonical_tag_key,
        count(*) as palette_count
    from {{ ref('int_palette_tags') }}
    group by canonical_tag_key

)

select
    tags.canonical_tag_key,
    canonical_tags.attribute,
    canonical_tags.canonical_tag,
    tags.palette_count,
    palettes.all_palette_count,
    cast(greatest(5, ceil(palettes.all_palette_count / 1000)) as bigint) as least_count
from tags
inner join {{ ref('int_canonical_tags') }} as canonical_tags
    on tags.canonical_tag_key = canonical_tags.canonical_tag_key
cross join palettes
where tags.palette_count >= least_count
