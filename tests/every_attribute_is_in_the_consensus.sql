-- The shape of `palette_tag_consensus` is Convex's; an attribute that the seed adds needs a place in it.
{% set published = [
    'temperature', 'contrast', 'brightness', 'saturation',
    'harmony', 'mood', 'style', 'dominant_colors', 'seasonal', 'associations'
] %}

select attribute
from {{ ref('attributes') }}
where attribute not in ('{{ published | join("', '") }}')
