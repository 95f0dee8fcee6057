{#
    Sums of doubles depend on their order in the last digits, so that what is said here is rounded: equal data, equal tables.
    What rounds to 0 from below would be -0, which DuckDB stores as 0 or as it is, by what else is in the column: 0 is added.
#}
{% macro wilson_lower_bound(votes, total) -%}
    {#- z is 1.96, and the others z²/2, z²/4 and z². -#}
    (round(
        ({{ votes }} + 1.9208e0 - 1.96e0 * sqrt({{ votes }} / {{ total }} * ({{ total }} - {{ votes }}) + 0.9604e0))
        / ({{ total }} + 3.8416e0), 12
    ) + 0.0)
{%- endmacro %}


{% macro normalised_entropy(votes) -%}
    if(
        count(*) = 1,
        0.0,
        round((ln(sum({{ votes }})) - sum({{ votes }} * ln({{ votes }})) / sum({{ votes }})) / ln(count(*)), 12) + 0.0
    )
{%- endmacro %}


{% macro disagreement(answers, said, squared) -%}
    (({{ answers }} * {{ said }} - {{ squared }}) / ({{ answers }} - 1))
{%- endmacro %}


{% macro beyond_chance(observed, expected) -%}
    (round(({{ observed }} - {{ expected }}) / nullif(1 - {{ expected }}, 0), 12) + 0.0)
{%- endmacro %}
