with

counts as (

    select * from {{ ref('int_canonical_counts') }}
    where is_published and palette_prompt_key > {{ high_water_mark('palette_prompt_key') }}

),

canonical_tags as (

    select * from {{ ref('int_canonical_tags') }}

),

lists as (

    select
        counts.palette_prompt_key,
        canonical_tags.attribute,
        {{ ranked_tags('canonical_tags.canonical_tag', 'counts.answer_count', 'counts.rank') }} as tags
    from counts
    inner join canonical_tags
        on counts.canonical_tag_key = canonical_tags.canonical_tag_key
    group by all

)

select
    palette_prompt_key,
    {{ lists_side_by_side('tags', 'attribute') }}
from lists
group by palette_prompt_key
