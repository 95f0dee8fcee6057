{#
    The two steps of EM, on whole numbers: sums of floats depend on the order in which threads add them, and a build gives the
    same bytes with any number of threads. Posteriors and logarithms are in units of 1e-12.

    The true tags of an attribute stand in rows of four, side by side, for a row a tag takes four times as long. The columns
    that an attribute has no tag for are left out again, and a fifth tag begins another row.
#}
{% macro pseudo_votes() %}1{% endmacro %}


{% macro em_steps() %}10{% endmacro %}


{#
    What a panel of models says together is summed once, however many palettes it says that of. Models are dealt out to the panels in
    turn, so there are as many panels, and columns, however many models there are.
#}
{% macro panels() %}4{% endmacro %}


{% macro opinion_columns() -%}
{% for panel in range(1, panels() | int + 1) %}opinion_{{ panel }}{{ ', ' if not loop.last }}{% endfor %}
{%- endmacro %}


{% macro true_tags(ballots) %}
    select
        *,
        (row_number() over tags_of_attribute - 1) // 4 as four,
        (row_number() over tags_of_attribute - 1) % 4 + 1 as place
    from (
        select distinct
            attribute_key,
            said_tag_key as true_tag_key
        from {{ ballots }}
        where model_key <> 0
    )
    window tags_of_attribute as (partition by attribute_key order by true_tag_key asc nulls last)
{% endmacro %}


{% macro by_place(column, prefix, place='place', places=4) %}
{%- for number in range(1, places + 1) -%}
max({{ column }}) filter ({{ place }} = {{ number }}) as {{ prefix }}_{{ number }}{{ ', ' if not loop.last }}
{%- endfor -%}
{% endmacro %}


{#
    What each panel's opinion comes to, added up for each pattern, side by side: a join for each panel takes a third of the time of a
    row for each. The prior's row is the one that is always there.
#}
{% macro summed_over_panels(patterns, by_opinion, columns) %}
    select
        {{ patterns }}.*,
        panel_0.four,
        {%- for column in columns %}
        panel_0.{{ column }}
        {%- for panel in range(1, panels() | int + 1) %} + coalesce(panel_{{ panel }}.{{ column }}, 0){% endfor %} as {{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ patterns }}
    inner join {{ by_opinion }} as panel_0
        on -{{ patterns }}.attribute_key = panel_0.opinion_key
    {%- for panel in range(1, panels() | int + 1) %}
    left join {{ by_opinion }} as panel_{{ panel }}
        on {{ patterns }}.opinion_{{ panel }} = panel_{{ panel }}.opinion_key and panel_0.four = panel_{{ panel }}.four
    {%- endfor %}
{% endmacro %}


{% macro votes_by_place(ballots, patterns, true_tags) %}
    with

    fours as (

        select
            attribute_key,
            four,
            {{ by_place('true_tag_key', 'tag') }}
        from {{ true_tags }}
        group by all

    ),

    by_opinion as (

        select
            {{ ballots }}.opinion_key,
            fours.four,
            {%- for place in range(1, 5) %}
            cast(sum(if({{ ballots }}.said_tag_key = fours.tag_{{ place }}, {{ ballots }}.vote_count, 0)) as bigint) as votes_{{ place }},
            {%- endfor %}
            cast(sum(if({{ ballots }}.model_key = 0, 0, {{ ballots }}.vote_count)) as bigint) as all_votes
        from {{ ballots }}
        inner join fours
            on {{ ballots }}.attribute_key = fours.attribute_key
        group by all

    )

    {{ summed_over_panels(patterns, 'by_opinion', ['votes_1', 'votes_2', 'votes_3', 'votes_4', 'all_votes']) }}
{% endmacro %}


{% macro vote_shares(ballots, patterns, true_tags) %}
    select
        *,
        {%- for place in range(1, 5) %}
        cast(round(1e12 * votes_{{ place }} / all_votes) as bigint) as posterior_{{ place }}{{ ',' if not loop.last }}
        {%- endfor %}
    from ({{ votes_by_place(ballots, patterns, true_tags) }})
{% endmacro %}


{% macro expected_votes(ballots, posteriors, true_tags) %}
    with

    opinions as (

        select
            * exclude ({{ opinion_columns() }}),
            unnest([-attribute_key, {{ opinion_columns() }}]) as opinion_key
        from {{ posteriors }}

    ),

    by_opinion as (

        select
            opinion_key,
            four,
            {%- for place in range(1, 5) %}
            sum(item_count * posterior_{{ place }}) as items_{{ place }}{{ ',' if not loop.last }}
            {%- endfor %}
        from opinions
        group by all

    ),

    sums as (

        select
            {{ ballots }}.ballot_key,
            {{ ballots }}.attribute_key,
            {{ ballots }}.model_key,
            {{ ballots }}.said_tag_key,
            by_opinion.four,
            unnest([1, 2, 3, 4]) as place,
            unnest([
                {%- for place in range(1, 5) %}
                sum({{ ballots }}.vote_count * by_opinion.items_{{ place }}){{ ',' if not loop.last }}
                {%- endfor %}
            ]) as expected_votes
        from {{ ballots }}
        inner join by_opinion
            on {{ ballots }}.opinion_key = by_opinion.opinion_key
        group by
            {{ ballots }}.ballot_key, {{ ballots }}.attribute_key, {{ ballots }}.model_key, {{ ballots }}.said_tag_key, by_opinion.four

    )

    select
        sums.ballot_key,
        sums.attribute_key,
        sums.model_key,
        sums.said_tag_key,
        {{ true_tags }}.true_tag_key,
        sums.four,
        sums.place,
        sums.expected_votes + if(sums.model_key = 0, 100, cast(1e12 * {{ pseudo_votes() }} as bigint)) as expected_votes
    from sums
    inner join {{ true_tags }}
        on
            sums.attribute_key = {{ true_tags }}.attribute_key
            and sums.four = {{ true_tags }}.four
            and sums.place = {{ true_tags }}.place
{% endmacro %}


{% macro log_error_rates(ballots, posteriors, true_tags) %}
    select
        *,
        cast(round(1e12 * (ln(expected_votes) - ln(sum(expected_votes) over (
            partition by attribute_key, model_key, if(model_key = 0, 0, true_tag_key)
        )))) as bigint) as log_error_rate
    from ({{ expected_votes(ballots, posteriors, true_tags) }})
{% endmacro %}


{% macro tag_posteriors(ballots, patterns, true_tags, log_error_rates) %}
    with

    rates as (

        select
            ballot_key,
            four,
            {{ by_place('log_error_rate', 'rate') }}
        from {{ log_error_rates }}
        group by all

    ),

    by_opinion as (

        select
            {{ ballots }}.opinion_key,
            rates.four,
            {%- for place in range(1, 5) %}
            cast(sum({{ ballots }}.vote_count * rates.rate_{{ place }}) as bigint) as log_{{ place }}{{ ',' if not loop.last }}
            {%- endfor %}
        from {{ ballots }}
        inner join rates
            on {{ ballots }}.ballot_key = rates.ballot_key
        group by all

    ),

    log_likelihoods as (

        {{ summed_over_panels(patterns, 'by_opinion', ['log_1', 'log_2', 'log_3', 'log_4']) }}

    ),

    in_several_fours as (

        select attribute_key from {{ true_tags }}
        where four > 0

    )

    {{ shares_of_likelihood('(from log_likelihoods anti join in_several_fours using (attribute_key))', is_in_one_four=true) }}
    union all
    {{ shares_of_likelihood('(from log_likelihoods semi join in_several_fours using (attribute_key))', is_in_one_four=false) }}
{% endmacro %}


{# Where a pattern has one four, what is greatest and what all come to is found in the row itself, in a third of the time. #}
{% macro shares_of_likelihood(log_likelihoods, is_in_one_four) %}
    {%- set greatest = 'greatest(log_1, log_2, log_3, log_4)' -%}
    {%- set total = 'coalesce(likelihood_1, 0) + coalesce(likelihood_2, 0) + coalesce(likelihood_3, 0) + coalesce(likelihood_4, 0)' -%}
    {%- if not is_in_one_four -%}
        {%- set greatest = 'max(' ~ greatest ~ ') over (partition by pattern_key)' -%}
        {%- set total = 'sum(' ~ total ~ ') over (partition by pattern_key)' -%}
    {%- endif -%}
    select
        * exclude (likelihood_1, likelihood_2, likelihood_3, likelihood_4),
        {%- for place in range(1, 5) %}
        cast(round(1e12 * likelihood_{{ place }} / ({{ total }})) as bigint) as posterior_{{ place }}{{ ',' if not loop.last }}
        {%- endfor %}
    from (
        select
            * exclude (log_1, log_2, log_3, log_4),
            {%- for place in range(1, 5) %}
            cast(round(1e15 * exp((log_{{ place }} - {{ greatest }}) / 1e12)) as bigint) as likelihood_{{ place }}{{ ',' if not loop.last }}
            {%- endfor %}
        from {{ log_likelihoods }}
    )
{% endmacro %}


{% macro first_log_error_rates(ballots, patterns, true_tags) %}
    with

    posteriors as (

        {{ vote_shares(ballots, patterns, true_tags) }}

    )

    {{ log_error_rates(ballots, 'posteriors', true_tags) }}
{% endmacro %}


{% macro next_log_error_rates(ballots, patterns, true_tags, before) %}
    with

    posteriors as (

        {{ tag_posteriors(ballots, patterns, true_tags, before) }}

    ),

    after as (

        {{ log_error_rates(ballots, 'posteriors', true_tags) }}

    )

    select
        after.*,
        before.step + 1 as step,
        bool_or(after.log_error_rate <> before.log_error_rate) over () as is_changed
    from after
    inner join {{ before }} as before
        on after.ballot_key = before.ballot_key and after.true_tag_key = before.true_tag_key
{% endmacro %}


{#
    A ballot is one tag that one model said, as a part of its panel's opinion; `ballot_key` is its attribute, model and tag in one
    number, for three take twice as long. The prior is told as error rates, too: those of a model 0 that says tag 0 of everything,
    once. That is an opinion of each item, with the attribute's key below zero.
#}
{% macro ballots(opinions, patterns) %}
    select
        opinion_key,
        attribute_key,
        vote.model_key,
        vote.canonical_tag_key as said_tag_key,
        vote.vote_count,
        (cast(attribute_key as bigint) << 56)
        | (cast(vote.model_key as bigint) << 32)
        | cast(vote.canonical_tag_key as bigint) as ballot_key
    from (
        select
            opinion_key,
            attribute_key,
            unnest(votes) as vote
        from {{ opinions }}
        where opinion_key in (select unnest([{{ opinion_columns() }}]) from {{ patterns }})
        union all
        select distinct
            -attribute_key as opinion_key,
            attribute_key,
            struct_pack(model_key := 0, canonical_tag_key := 0, vote_count := 1) as vote
        from {{ opinions }}
    )
{% endmacro %}
