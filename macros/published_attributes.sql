{#
    The attributes of `palette_tag_consensus`, by the field of the Convex table that holds them. The shape is the app's, so
    it stands here and not in the seed `attributes`; the test `every_attribute_is_in_the_consensus` compares the two.
#}
{% macro published_attributes() %}
    {{ return({
        'categorical': ['temperature', 'contrast', 'brightness', 'saturation'],
        'tags': ['harmony', 'mood', 'style', 'dominant_colors', 'seasonal', 'associations']
    }) }}
{% endmacro %}
