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


{#
    Aggregates counts into one list, highest first, ties by tag: `{canonical_tag_key, result_count}`, both integers. Keys
    go by attribute and tag, so their order is that of the tags. Sorting afterwards takes a fifth of what
    `list(… order by …)` takes, and sorting keys a third of what sorting tags takes.
#}
{% macro tags_in_order(canonical_tag_key, result_count) -%}
    list_transform(
        list_sort(list(struct_pack(
            negated_count := cast(-{{ result_count }} as integer), canonical_tag_key := {{ canonical_tag_key }}
        ))),
        lambda counted: struct_pack(
            canonical_tag_key := counted.canonical_tag_key, result_count := -counted.negated_count
        )
    )
{%- endmacro %}


{# Aggregates lists, one an attribute, into columns: that of each published attribute under its name, empty where none is. #}
{% macro lists_side_by_side(tags, attribute) -%}
    {%- set attributes = published_attributes() -%}
    {%- for name in attributes.categorical + attributes.tags %}
    coalesce(first({{ tags }}) filter (where {{ attribute }} = '{{ name }}'), []) as {{ name }}{{ ',' if not loop.last }}
    {%- endfor %}
{%- endmacro %}


{#
    The two nested columns of the consensus, from lists side by side. `lists` is a relation with the columns of
    `lists_side_by_side`, or has no row for a palette. `names` is a list of all canonical tags by key: keys become tags
    only here, and until then no text is copied.
#}
{% macro consensus_columns(lists, names) -%}
    {%- for part, attributes in published_attributes().items() %}
    {
        {%- for attribute in attributes %}
        '{{ attribute }}': list_transform(
            coalesce({{ lists }}.{{ attribute }}, []),
            lambda counted: struct_pack(
                key := {{ names }}[counted.canonical_tag_key], value := cast(counted.result_count as double)
            )
        ){{ ',' if not loop.last }}
        {%- endfor %}
    } as {{ part }}{{ ',' if not loop.last }}
    {%- endfor %}
{%- endmacro %}


{# One row per palette and published attribute again, of lists side by side: the columns `attribute` and `tags`. #}
{% macro lists_one_by_one() -%}
    {%- set attributes = published_attributes() -%}
    unnest([
        {%- for name in attributes.categorical + attributes.tags %}
        struct_pack(attribute := '{{ name }}', tags := {{ name }}){{ ',' if not loop.last }}
        {%- endfor %}
    ], max_depth := 2)
{%- endmacro %}
