with

tags as (

    select distinct
        attribute_key,
        canonical_tag
    from {{ ref('int_tags') }}

)

select
    cast(
        {{ high_water_mark('canonical_tag_key') }}
        + row_number() over (order by tags.attribute_key asc nulls last, tags.canonical_tag asc nulls last) as integer
    ) as canonical_tag_key,
    tags.attribute_key,
    tags.canonical_tag
from tags
{{ exclude_existing('tags', ['attribute_key', 'canonical_tag']) }}
