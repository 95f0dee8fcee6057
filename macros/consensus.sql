{% macro published_attributes() %}
    {{ return({
        'categorical': ['temperature', 'contrast', 'brightness', 'saturation'],
        'tags': ['harmony', 'mood', 'style', 'dominant_colors', 'seasonal', 'associations']
    }) }}
{% endmacro %}


{# Sorting a list afterwards takes a fifth of what `list(… order by …)` takes. `order_among_equals` may be the rank itself. #}
{% macro ranked_tags(canonical_tag, answer_count, order_among_equals) -%}
    list_transform(
        list_sort(
            list(struct_pack(
                negated_count := cast(-{{ answer_count }} as integer),
                order_among_equals := cast({{ order_among_equals }} as integer),
                canonical_tag := {{ canonical_tag }}
            )),
            'asc',
            'nulls last'
        ),
        lambda counted: struct_pack(key := counted.canonical_tag, value := cast(-counted.negated_count as double))
    )
{%- endmacro %}


{% macro what_ranks_agree_on() -%}
    min(canonical_tag_key) filter (where rank = 1) as winner_key,
    max(answer_count) filter (where rank = 1) as winner_answer_count,
    coalesce(max(answer_count) filter (where rank = 2), 0) as runner_up_answer_count,
    max(vote_parts) filter (where rank = 1) as vote_parts,
    count(*) as tag_count,
    {{ entropy_of('answer_count') }} as entropy
{%- endmacro %}


{#
    A model is one voter: its answers that count share one vote. In billionths, so that sums are of whole numbers. Null where
    nobody says which model answered.
#}
{% macro part_of_a_vote(model_key, among) -%}
    case
        when {{ model_key }} is not null
            then cast(round(1e9 / count(*) over (partition by {{ among | join(', ') }})) as bigint)
    end
{%- endmacro %}


{% macro mean_model_share(vote_parts, model_total) -%}
    round({{ vote_parts }} / nullif({{ model_total }}, 0) / 1e9, 6)
{%- endmacro %}


{# Sets of models have a bit for each model known, and some to spare: a new model mostly finds its place. #}
{% macro model_set_length(model_count) -%}
    cast(64 * ceil(greatest({{ model_count }}, 1) / 64) as integer)
{%- endmacro %}


{% macro lists_side_by_side(tags, attribute) -%}
    {%- set attributes = published_attributes() -%}
    {%- for name in attributes.categorical + attributes.tags %}
    coalesce(first({{ tags }}) filter (where {{ attribute }} = '{{ name }}'), []) as {{ name }}{{ ',' if not loop.last }}
    {%- endfor %}
{%- endmacro %}


{% macro consensus_columns(lists) -%}
    {%- for part, attributes in published_attributes().items() %}
    {
        {%- for attribute in attributes %}
        '{{ attribute }}': coalesce({{ lists }}.{{ attribute }}, []){{ ',' if not loop.last }}
        {%- endfor %}
    } as {{ part }}{{ ',' if not loop.last }}
    {%- endfor %}
{%- endmacro %}


{% macro lists_one_by_one() -%}
    {%- set attributes = published_attributes() -%}
    unnest([
        {%- for name in attributes.categorical + attributes.tags %}
        struct_pack(attribute := '{{ name }}', tags := {{ name }}){{ ',' if not loop.last }}
        {%- endfor %}
    ], max_depth := 2)
{%- endmacro %}
