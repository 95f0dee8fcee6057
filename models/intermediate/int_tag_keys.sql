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
        {{ greatest_kept('tag_key') }} + row_number() over (order by tags.attribute_key, tags.tag) as integer
    ) as tag_key,
    tags.attribute_key,
    tags.tag
from tags
{% if is_incremental() %}
anti join {{ this }} as kept
    on tags.attribute_key = kept.attribute_key and tags.tag = kept.tag
{% endif %}
