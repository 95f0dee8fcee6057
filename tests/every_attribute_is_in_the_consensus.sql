-- The shape of `palette_tag_consensus` is Convex's; an attribute that the seed adds needs a place in it.
{% set attributes = published_attributes() %}

select attribute
from {{ ref('attributes') }}
where
    attribute not in (
        {%- for attribute in attributes.categorical + attributes.tags %}
        '{{ attribute }}'{{ ',' if not loop.last }}
        {%- endfor %}
    )
