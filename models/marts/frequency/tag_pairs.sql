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

cooccurring as (

    select
        one.tag_key as one_key,
        other.tag_key as other_key,
        count(*) as palette_count
    from tags_by_palette, unnest(tag_keys) as one (tag_key), unnest(tag_keys) as other (tag_key)
    where one.tag_key < other.tag_key
    group by all
    having count(*) >= (select min(least_count) from tags)

),

-- Most pairs are so far from by chance, or so near to it, that no sum is needed to tell.
tested as (

    select
        cooccurring.*,
        all_pairs.pair_count,
        2 * all_pairs.pair_count * {{ chance_of_overlap(
            'cooccurring.palette_count', 'one.palette_count', 'other.palette_count', 'one.all_palette_count'
        ) }} as least_p_value,
        one.palette_count as one_count,
        other.palette_count as other_count,
        one.all_palette_count
    from cooccurring
    inner join tags as one
        on cooccurring.one_key = one.canonical_tag_key
    inner join tags as other
        on cooccurring.other_key = other.canonical_tag_key
    cross join (select count(*) * (count(*) - 1) / 2 as pair_count from tags) as all_pairs

),

judged as (

    select
        one_key,
        other_key,
        palette_count,
        case
            when least_p_value < 1e-9 then 0.0
            else
                round(pair_count * {{ two_sided_p_of_overlap(
                    'palette_count', 'one_count', 'other_count', 'all_palette_count'
                ) }}, 6)
        end as p_value
    from tested
    where least_p_value <= {{ most_p_value() }}

),

pairs as (

    select * from judged
    union all
    select * replace (other_key as one_key, one_key as other_key) from judged

)

select
    one.attribute,
    one.canonical_tag,
    other.attribute as other_attribute,
    other.canonical_tag as other_canonical_tag,
    pairs.palette_count,
    one.palette_count as tag_palette_count,
    other.palette_count as other_palette_count,
    one.palette_count * other.palette_count / one.all_palette_count as expected_palettes,
    pairs.palette_count / one.all_palette_count as support,
    pairs.palette_count / one.palette_count as confidence,
    pairs.palette_count * one.all_palette_count / (one.palette_count * other.palette_count) as lift,
    pairs.p_value
from pairs
inner join tags as one
    on pairs.one_key = one.canonical_tag_key
inner join tags as other
    on pairs.other_key = other.canonical_tag_key
where pairs.p_value <= {{ most_p_value() }}
