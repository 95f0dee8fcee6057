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

)

select
    one.tag_key as one_key,
    other.tag_key as other_key,
    count(*) as palette_count
from tags_by_palette, unnest(tag_keys) as one (tag_key), unnest(tag_keys) as other (tag_key)
where one.tag_key < other.tag_key
group by all
having count(*) >= (select min(least_count) from tags)
