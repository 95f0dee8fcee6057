-- Lists in the making can't be spilled, so these come after the others. depends_on: {{ ref('int_consensus_lists') }}
with

counts as (

    select * from {{ ref('int_canonical_counts') }}
    where is_published

),

palette_versions as (

    select * from {{ ref('int_palette_versions') }}
    where palette_key > {{ greatest_kept('palette_key') }}

),

canonical_tags as (

    select * from {{ ref('int_canonical_tags') }}

),

attributes as (

    select * from {{ ref('int_attributes') }}

),

summed as (

    select
        palette_versions.palette_key,
        counts.attribute_key,
        counts.canonical_tag_key,
        sum(counts.result_count) as result_count
    from counts
    inner join palette_versions
        on counts.group_key = palette_versions.group_key
    group by all

),

lists as (

    select
        summed.palette_key,
        summed.attribute_key,
        {{ tags_in_order('summed.canonical_tag_key', 'summed.result_count', 'canonical_tags.name_order') }} as tags
    from summed
    inner join canonical_tags
        on summed.canonical_tag_key = canonical_tags.canonical_tag_key
    group by all

)

select
    lists.palette_key,
    {{ lists_side_by_side('lists.tags', 'attributes.attribute') }}
from lists
inner join attributes
    on lists.attribute_key = attributes.attribute_key
group by lists.palette_key
