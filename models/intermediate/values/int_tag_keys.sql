with

tags as (

    select distinct
        attribute_key,
        tag
    from {{ ref('int_texts') }}
    where is_countable

)

select
    cast(
        {{ high_water_mark('tag_key') }}
        + row_number() over (order by tags.attribute_key asc nulls last, tags.tag asc nulls last) as integer
    ) as tag_key,
    tags.attribute_key,
    tags.tag
from tags
{{ exclude_existing('tags', ['attribute_key', 'tag']) }}
