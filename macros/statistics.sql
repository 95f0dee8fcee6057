{# Sums of doubles depend on their order in the last digits, so that what is said here is rounded: equal data, equal tables. #}
{% macro wilson_lower_bound(votes, total) -%}
    {%- set z = 1.96 -%}
    round(
        ({{ votes }} + {{ z * z / 2 }} - {{ z }} * sqrt({{ votes }} * ({{ total }} - {{ votes }}) / {{ total }} + {{ z * z / 4 }}))
        / ({{ total }} + {{ z * z }}), 12
    )
{%- endmacro %}


{% macro normalised_entropy(votes) -%}
    if(
        count(*) = 1,
        0.0,
        round((ln(sum({{ votes }})) - sum({{ votes }} * ln({{ votes }})) / sum({{ votes }})) / ln(count(*)), 12)
    )
{%- endmacro %}


{% macro disagreement(answers, said, squared) -%}
    (({{ answers }} * {{ said }} - {{ squared }}) / ({{ answers }} - 1))
{%- endmacro %}


{% macro beyond_chance(observed, expected) -%}
    round(({{ observed }} - {{ expected }}) / nullif(1 - {{ expected }}, 0), 12)
{%- endmacro %}
