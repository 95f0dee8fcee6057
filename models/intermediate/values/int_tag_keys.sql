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
        {{ greatest_kept('tag_key') }}
        + row_number() over (order by tags.attribute_key asc nulls last, tags.tag asc nulls last) as integer
    ) as tag_key,
    tags.attribute_key,
    tags.tag
from tags
{{ without_kept('tags', ['attribute_key', 'tag']) }}
