{#
    A sum of doubles depends in its last digits on the order in which threads add them, and rounding hides that only mostly.
    So each is cut to a step of 1e-15, and whole numbers are summed: equal data, equal tables. `decimal(38, 15)` says the same,
    and takes three times as long.
#}
{% macro exact_sum(value) -%}
    (cast(sum(cast(round(1e15 * ({{ value }})) as hugeint)) as double) / 1e15)
{%- endmacro %}


{% macro exact_avg(value) -%}
    ({{ exact_sum(value) }} / count({{ value }}))
{%- endmacro %}


{#
    What is said here is rounded, so that no digit promises more than there is.
    What rounds to 0 from below would be -0, which DuckDB stores as 0 or as it is, by what else is in the column: 0 is added.
#}
{% macro wilson_bound(votes, total, sign) -%}
    {#- z is 1.96, and the others z²/2, z²/4 and z². -#}
    (round(
        ({{ votes }} + 1.9208e0 {{ sign }} 1.96e0 * sqrt({{ votes }} / {{ total }} * ({{ total }} - {{ votes }}) + 0.9604e0))
        / ({{ total }} + 3.8416e0), 12
    ) + 0.0)
{%- endmacro %}


{% macro wilson_lower_bound(votes, total) -%}
    {{- wilson_bound(votes, total, '-') -}}
{%- endmacro %}


{% macro wilson_upper_bound(votes, total) -%}
    {{- wilson_bound(votes, total, '+') -}}
{%- endmacro %}


{% macro normalised_entropy(votes) -%}
    if(
        count(*) = 1,
        0.0,
        round((ln(sum({{ votes }})) - {{ exact_sum(votes ~ ' * ln(' ~ votes ~ ')') }} / sum({{ votes }})) / ln(count(*)), 12) + 0.0
    )
{%- endmacro %}


{% macro disagreement(answers, said, squared) -%}
    (({{ answers }} * {{ said }} - {{ squared }}) / ({{ answers }} - 1))
{%- endmacro %}


{% macro beyond_chance(observed, expected) -%}
    (round(({{ observed }} - {{ expected }}) / nullif(1 - {{ expected }}, 0), 12) + 0.0)
{%- endmacro %}
