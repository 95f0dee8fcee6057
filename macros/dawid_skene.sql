{#
    The two steps of EM, on whole numbers: sums of floats depend on the order in which threads add them, and a build gives the
    same bytes with any number of threads. Posteriors and logarithms are in units of 1e-12.
#}
{% macro pseudo_votes() %}1{% endmacro %}


{% macro expected_votes(ballots, posteriors) %}
    select
        {{ ballots }}.attribute_key,
        {{ ballots }}.model_key,
        {{ ballots }}.said_tag_key,
        {{ posteriors }}.true_tag_key,
        sum({{ ballots }}.vote_count * {{ ballots }}.item_count * cast({{ posteriors }}.posterior as hugeint))
        + if({{ ballots }}.model_key = 0, 100, cast(1e12 * {{ pseudo_votes() }} as bigint)) as expected_votes
    from {{ ballots }}
    inner join {{ posteriors }}
        on {{ ballots }}.pattern_key = {{ posteriors }}.pattern_key
    group by
        {{ ballots }}.attribute_key,
        {{ ballots }}.model_key,
        {{ ballots }}.said_tag_key,
        {{ posteriors }}.true_tag_key
{% endmacro %}


{% macro log_error_rates(expected_votes) %}
    select
        *,
        cast(round(1e12 * (ln(expected_votes) - ln(sum(expected_votes) over (
            partition by attribute_key, model_key, if(model_key = 0, 0, true_tag_key)
        )))) as bigint) as log_error_rate
    from {{ expected_votes }}
{% endmacro %}


{% macro tag_posteriors(ballots, log_error_rates) %}
    select
        pattern_key,
        unnest(list_transform(
            likelihoods,
            lambda one: struct_pack(
                true_tag_key := one.true_tag_key,
                posterior := cast(round(1e12 * one.likelihood / list_sum([other.likelihood for other in likelihoods])) as bigint)
            )
        ), recursive := true)
    from (
        select
            pattern_key,
            [
                struct_pack(
                    true_tag_key := one.true_tag_key,
                    likelihood := cast(round(1e15 * exp((one.log_likelihood - greatest_log_likelihood) / 1e12)) as bigint)
                )
                for one in log_likelihoods
            ] as likelihoods
        from (
            select
                pattern_key,
                max(log_likelihood) as greatest_log_likelihood,
                list(struct_pack(true_tag_key, log_likelihood) order by true_tag_key) as log_likelihoods
            from (
                select
                    {{ ballots }}.pattern_key,
                    {{ log_error_rates }}.true_tag_key,
                    sum({{ ballots }}.vote_count * {{ log_error_rates }}.log_error_rate) as log_likelihood
                from {{ ballots }}
                inner join {{ log_error_rates }}
                    on
                        {{ ballots }}.attribute_key = {{ log_error_rates }}.attribute_key
                        and {{ ballots }}.model_key = {{ log_error_rates }}.model_key
                        and {{ ballots }}.said_tag_key = {{ log_error_rates }}.said_tag_key
                group by all
            )
            group by pattern_key
        )
    )
{% endmacro %}


{# The prior is told as error rates, too: those of a model 0 that says tag 0 of everything, once. #}
{% macro ballots(patterns) %}
    select
        pattern_key,
        attribute_key,
        item_count,
        vote.model_key,
        vote.canonical_tag_key as said_tag_key,
        vote.vote_count
    from (
        select
            *,
            unnest(list_append(votes, struct_pack(model_key := 0, canonical_tag_key := 0, vote_count := 1))) as vote
        from {{ patterns }}
    )
{% endmacro %}
