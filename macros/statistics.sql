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


{# In nats, of the parts that tags have in what was said. #}
{% macro entropy_of(votes) -%}
    if(
        count(*) = 1,
        0.0,
        round(ln(sum({{ votes }})) - {{ exact_sum(votes ~ ' * ln(' ~ votes ~ ')') }} / sum({{ votes }}), 12) + 0.0
    )
{%- endmacro %}


{# Tags outside the vocabulary are said too, so that it could be more than 1. #}
{% macro normalised_entropy(entropy, allowed_tag_count) -%}
    case when {{ allowed_tag_count }} > 1 then round(least({{ entropy }} / ln({{ allowed_tag_count }}), 1.0), 12) end
{%- endmacro %}


{% macro effective_tags(entropy) -%}
    round(exp({{ entropy }}), 9)
{%- endmacro %}


{% macro disagreement(answers, said, squared) -%}
    (({{ answers }} * {{ said }} - {{ squared }}) / ({{ answers }} - 1))
{%- endmacro %}


{% macro beyond_chance(observed, expected) -%}
    (round(({{ observed }} - {{ expected }}) / nullif(1 - {{ expected }}, 0), 12) + 0.0)
{%- endmacro %}


{# Fewer palettes tell nothing of others: below, there is neither an interval nor a test. #}
{% macro least_compared_palettes() %}10{% endmacro %}


{# What chance gives less often is taken for more than chance. #}
{% macro most_p_value() %}0.05{% endmacro %}


{# The sum of squared differences from the mean. Beyond 12 decimals it is what adding has left. #}
{% macro squared_deviations(sum_of_squares, sum, count) -%}
    round({{ sum_of_squares }} - {{ sum }} * {{ sum }} / {{ count }}, 12)
{%- endmacro %}


{% macro standard_error(deviations, count) -%}
    sqrt({{ deviations }} / nullif({{ count }} - 1, 0) / {{ count }})
{%- endmacro %}


{# The end of a 95 % interval of what lies between -1 and 1. The estimate has more decimals, and is never outside. #}
{% macro bound_by_error(estimate, error, sign) -%}
    case
        when {{ error }} is not null
            then {{ 'least' if sign == '-' else 'greatest' }}(
                round(greatest(least({{ estimate }} {{ sign }} 1.96 * {{ error }}, 1.0), -1.0), 6), {{ estimate }}
            )
    end
{%- endmacro %}


{#
    The chance that Student's t is as far from 0: the integral of cos^(degrees - 1) from the angle of the found t on, by
    Simpson's rule in 400 steps. See Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7. Good to 8 decimals.
#}
{% macro two_sided_p_of_t(change, error, degrees) -%}
    {%- set angle = 'atan(abs(' ~ change ~ ') / ' ~ error ~ ' / sqrt(' ~ degrees ~ '))' -%}
    {%- set width = 'least(pi() / 2 - ' ~ angle ~ ', 9 / sqrt(' ~ degrees ~ '))' -%}
    case
        when {{ error }} = 0 then cast({{ change }} = 0 as double)
        else
            exp(lgamma(({{ degrees }} + 1) / 2) - lgamma(({{ degrees }}) / 2)) / sqrt(pi()) * {{ width }} / 600
            * list_sum(
                list_transform(
                    range(401),
                    lambda step:
                    if(step in (0, 400), 1, 2 + 2 * (step % 2))
                    * pow(cos({{ angle }} + {{ width }} * step / 400), {{ degrees }} - 1)
                )
            )
    end
{%- endmacro %}


{#
    Holm's correction: of m tests the smallest p counts m times, the next m - 1 times, and none less than one before it.
    Scandinavian Journal of Statistics 6 (1979), 65-70. It takes two steps: places, and what is made of them.
#}
{% macro holm_places(p_value, among) -%}
    row_number() over (partition by {{ among | join(', ') }} order by {{ p_value }} asc nulls last) as holm_place,
    count({{ p_value }}) over (partition by {{ among | join(', ') }}) as holm_count
{%- endmacro %}


{% macro holm_adjusted(p_value, among) -%}
    case
        when {{ p_value }} is not null
            then
                round(
                    least(
                        max((holm_count - holm_place + 1) * {{ p_value }}) over (
                            partition by {{ among | join(', ') }}
                            order by holm_place asc nulls last
                            rows between unbounded preceding and current row
                        ),
                        1.0
                    ),
                    6
                )
    end
{%- endmacro %}


{#
    What chance alone gives, by exchanges: in each, a palette's answers under two prompt versions change sides or don't, as a bit of
    the palette's hash says.
#}
{% macro exchange_count() %}39{% endmacro %}


{% macro exchange_bits(palette_seed) -%}
    cast('0x' || substr(md5({{ palette_seed }}), 1, 16) as ubigint)
{%- endmacro %}


{% macro counts_after_exchanges(now_count, previous_count, bits) -%}
    [
        {%- for exchange in range(exchange_count() | int) %}
        cast(sum(if({{ bits }} & (1::ubigint << {{ exchange }}) > 0, {{ previous_count }}, {{ now_count }})) as bigint){{ ',' if not loop.last }}
        {%- endfor %}
    ]
{%- endmacro %}


{# A tag's part of the Jensen-Shannon divergence, in bits, of two sets of shares. #}
{% macro divergence_of_a_tag(share, other_share) -%}
    (
        if({{ share }} > 0, {{ share }} * log2(2 * {{ share }} / ({{ share }} + {{ other_share }})), 0)
        + if({{ other_share }} > 0, {{ other_share }} * log2(2 * {{ other_share }} / ({{ share }} + {{ other_share }})), 0)
    ) / 2
{%- endmacro %}


{# The natural logarithm of the number of ways to choose. #}
{% macro ln_choose(all, chosen) -%}
    (lgamma({{ all }} + 1) - lgamma({{ chosen }} + 1) - lgamma({{ all }} - ({{ chosen }}) + 1))
{%- endmacro %}


{# The chance that of `everything` so many are in both of two sets that know nothing of each other (hypergeometric). #}
{% macro chance_of_overlap(both, one, other, everything) -%}
    exp(
        {{ ln_choose(one, both) }} + {{ ln_choose(everything ~ ' - ' ~ one, other ~ ' - (' ~ both ~ ')') }}
        - {{ ln_choose(everything, other) }}
    )
{%- endmacro %}


{# Twice the chance of an overlap that is as far from what is expected, to the same side. Beyond 500 terms nothing is left to add. #}
{% macro two_sided_p_of_overlap(both, one, other, everything) -%}
    2 * if(
        {{ both }} * {{ everything }} >= {{ one }} * {{ other }},
        list_sum(
            list_transform(
                range(least(least({{ one }}, {{ other }}) - {{ both }} + 1, 500)),
                lambda step: {{ chance_of_overlap(both ~ ' + step', one, other, everything) }}
            )
        ),
        list_sum(
            list_transform(
                range(least({{ both }} - greatest({{ one }} + {{ other }} - {{ everything }}, 0) + 1, 500)),
                lambda step: {{ chance_of_overlap(both ~ ' - step', one, other, everything) }}
            )
        )
    )
{%- endmacro %}
