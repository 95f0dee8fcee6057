with

tags as (

    select * from {{ ref('int_frequent_tags') }}

),

tags_by_palette as (

    select list_sort(list(palette_tags.canonical_tag_key), 'asc', 'nulls last') as tag_keys
    from {{ ref('int_palette_tags') }} as palette_tags
    inner join tags
        on palette_tags.canonical_tag_key = tags.canonical_tag_key
    group by palette_tags.palette_key

),

found_together as (

    select
        one.tag_key as one_key,
        other.tag_key as other_key,
        count(*) as palette_count
    from tags_by_palette, unnest(tag_keys) as one (tag_key), unnest(tag_keys) as other (tag_key)
    where one.tag_key < other.tag_key
    group by all
    having count(*) >= (select min(least_count) from tags)

),

pairs as (

    select * from found_together
    union all
    select
        other_key as one_key,
        one_key as other_key,
        palette_count
    from found_together

)

select
    one.attribute,
    one.canonical_tag,
    other.attribute as other_attribute,
    other.canonical_tag as other_canonical_tag,
    pairs.palette_count,
    one.palette_count as tag_palette_count,
    other.palette_count as other_palette_count,
    pairs.palette_count / one.all_palette_count as support,
    pairs.palette_count / one.palette_count as confidence,
    pairs.palette_count * one.all_palette_count / (one.palette_count * other.palette_count) as lift
from pairs
inner join tags as one
    on pairs.one_key = one.canonical_tag_key
inner join tags as other
    on pairs.other_key = other.canonical_tag_key
