with

palette_tags as (

    select * from {{ ref('int_palette_tags') }}

),

palettes as (

    select count(distinct palette_key) as palette_count
    from {{ ref('int_palette_versions') }}
    where success_count > 0

),

floors as (

    select
        palette_count,
        greatest(5, palette_count / 1000) as least_count
    from palettes

),

tags as (

    select
        palette_tags.canonical_tag_key,
        canonical_tags.attribute,
        canonical_tags.canonical_tag,
        count(*) as palette_count
    from palette_tags
    inner join {{ ref('int_canonical_tags') }} as canonical_tags
        on palette_tags.canonical_tag_key = canonical_tags.canonical_tag_key
    group by all
    having count(*) >= (select least_count from floors)

),

frequent as (

    select palette_tags.*
    from palette_tags
    semi join tags
        on palette_tags.canonical_tag_key = tags.canonical_tag_key

),

pairs as (

    select
        one.canonical_tag_key as one_key,
        other.canonical_tag_key as other_key,
        count(*) as palette_count
    from frequent as one
    inner join frequent as other
        on one.palette_key = other.palette_key and one.canonical_tag_key <> other.canonical_tag_key
    group by all
    having count(*) >= (select least_count from floors)

)

select
    one.attribute,
    one.canonical_tag,
    other.attribute as other_attribute,
    other.canonical_tag as other_canonical_tag,
    pairs.palette_count,
    one.palette_count as tag_palette_count,
    other.palette_count as other_palette_count,
    pairs.palette_count / floors.palette_count as support,
    pairs.palette_count / one.palette_count as confidence,
    pairs.palette_count * floors.palette_count / (one.palette_count * other.palette_count) as lift
from pairs
inner join tags as one
    on pairs.one_key = one.canonical_tag_key
inner join tags as other
    on pairs.other_key = other.canonical_tag_key
cross join floors
