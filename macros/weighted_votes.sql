{#
    The weighted consensus: one weight a model and attribute (Bayesian weighted average, after Li, Rubinstein and Cohn, WWW 2019).
    A model's vote counts by how near its votes have been to the consensus, and the consensus is the mean of the votes by their
    weights; each is estimated from the other until neither changes. See docs/decisions/0020-weighted-consensus.md.

    `votes`: a row an item, attribute, model and tag, with `voter_share`, the part of the model's answers that said the tag.
    `scores`: a row an item and tag that was said of it. A tag that was not said of it has the score `tag_mean * unsaid_part`.
    `estimates`: a row a model of an attribute, its weight; and a row a tag, the mean of its scores, with 0 for `model_key`.

    Strengths are whole numbers, in units of 1e-9, and sums are of whole numbers: so the same votes give the same bytes, in
    whatever order threads add them.
#}
{% macro prior_votes() %}15{% endmacro %}


{# Where all agree, nothing tells models apart, and no error would be an infinite weight. #}
{% macro least_prior_error() %}0.01{% endmacro %}


{% macro convergence_tolerance() %}1e-9{% endmacro %}


{% macro most_steps() %}200{% endmacro %}


{# Weights are fitted on the items of so many votes of each model and attribute, the first by a hash, so always the same ones. #}
{% macro fitted_votes() %}2000{% endmacro %}


{# A model is compared with the others only where they are so many: with one other, they would judge each other. #}
{% macro least_other_models() %}2{% endmacro %}


{# Below that, the agreement of a model with the others says next to nothing. #}
{% macro least_compared_items() %}10{% endmacro %}


{% macro vote_strength(voter_share, weight) -%}
    cast(round(1e9 * {{ voter_share }} * {{ weight }}) as bigint)
{%- endmacro %}


{# Every model's vote counts the same, and no tag is more common than another. #}
{% macro equal_estimates(votes) %}
    select distinct
        attribute_key,
        model_key,
        0 as canonical_tag_key,
        1e0 as estimate
    from {{ votes }}
    union all
    select distinct
        attribute_key,
        0 as model_key,
        canonical_tag_key,
        0e0 as estimate
    from {{ votes }}
{% endmacro %}


{# `prior` is the strength with which the mean of each tag counts beside the votes. With equal estimates and 0, a score is a share. #}
{% macro vote_scores(votes, estimates, prior=1) %}
    with

    strengths as (

        select
            votes.item_key,
            votes.attribute_key,
            votes.canonical_tag_key,
            cast(sum({{ vote_strength('votes.voter_share', 'weights.estimate') }}) as bigint) as strength
        from {{ votes }} as votes
        inner join {{ estimates }} as weights
            on votes.attribute_key = weights.attribute_key and votes.model_key = weights.model_key
        group by all

    )

    select
        strengths.*,
        means.estimate as tag_mean,
        ({{ prior }}e9 * means.estimate + strengths.strength) / ({{ prior }}e9 + sum(strengths.strength) over item) as score,
        {{ prior }}e9 / ({{ prior }}e9 + sum(strengths.strength) over item) as unsaid_part
    from strengths
    inner join {{ estimates }} as means
        on strengths.attribute_key = means.attribute_key and strengths.canonical_tag_key = means.canonical_tag_key
    window item as (partition by strengths.item_key, strengths.attribute_key)
{% endmacro %}


{# What a vote's error is taken for before the votes tell: four times as much as the shares of a vote's item leave open. #}
{% macro prior_errors(votes, shares) %}
    select
        attribute_key,
        greatest(
            {{ least_prior_error() }},
            {{ exact_sum('voters * open_share') }} / {{ exact_sum('voters') }} * 4 * (1 - 1 / max(tag_count))
        ) as prior_error
    from (
        select
            attribute_key,
            sum(strength) / 1e9 as voters,
            1 - {{ exact_sum('score * score') }} as open_share
        from {{ shares }}
        group by item_key, attribute_key
    )
    inner join (
        select
            attribute_key,
            count(distinct canonical_tag_key) as tag_count
        from {{ votes }}
        group by attribute_key
    ) using (attribute_key)
    group by attribute_key
{% endmacro %}


{#
    The squared distance of a vote from its item's scores is the sum of their squares, less twice the score of its tag, plus 1.
    A tag that was not said of an item adds to both sums what `tag_mean` and `unsaid_part` say.
#}
{% macro estimates_of(votes, scores, estimates, prior_errors) %}
    with

    items as (

        select
            item_key,
            attribute_key,
            max(unsaid_part) as unsaid_part,
            {{ exact_sum('score * score') }} as said_squares,
            {{ exact_sum('tag_mean * tag_mean') }} as said_mean_squares
        from {{ scores }}
        group by item_key, attribute_key

    ),

    attributes as (

        select
            attribute_key,
            count(*) as item_count,
            {{ exact_sum('unsaid_part') }} as unsaid_parts
        from items
        group by attribute_key

    ),

    mean_squares as (

        select
            attribute_key,
            {{ exact_sum('estimate * estimate') }} as mean_squares
        from {{ estimates }}
        where model_key = 0
        group by attribute_key

    ),

    errors as (

        select
            votes.attribute_key,
            votes.model_key,
            votes.voter_share,
            1 - 2 * scores.score + items.said_squares
            + (mean_squares.mean_squares - items.said_mean_squares) * items.unsaid_part * items.unsaid_part as error
        from {{ votes }} as votes
        inner join {{ scores }} as scores
            on
                votes.item_key = scores.item_key
                and votes.attribute_key = scores.attribute_key
                and votes.canonical_tag_key = scores.canonical_tag_key
        inner join items
            on votes.item_key = items.item_key and votes.attribute_key = items.attribute_key
        inner join mean_squares
            on votes.attribute_key = mean_squares.attribute_key

    )

    select
        errors.attribute_key,
        errors.model_key,
        0 as canonical_tag_key,
        ({{ prior_votes() }} + {{ exact_sum('errors.voter_share') }})
        / ({{ prior_votes() }} * max(prior_errors.prior_error) + {{ exact_sum('errors.voter_share * errors.error') }}) as estimate
    from errors
    inner join {{ prior_errors }} as prior_errors
        on errors.attribute_key = prior_errors.attribute_key
    group by errors.attribute_key, errors.model_key
    union all
    select
        scores.attribute_key,
        0 as model_key,
        scores.canonical_tag_key,
        (
            {{ exact_sum('scores.score - scores.tag_mean * scores.unsaid_part') }}
            + max(scores.tag_mean) * max(attributes.unsaid_parts)
        ) / max(attributes.item_count) as estimate
    from {{ scores }} as scores
    inner join attributes
        on scores.attribute_key = attributes.attribute_key
    group by scores.attribute_key, scores.canonical_tag_key
{% endmacro %}


{# An attribute whose estimates have converged is left out, so the last step of each is its own. #}
{% macro next_estimates(votes, estimates, prior_errors) %}
    with

    running as (

        select * from {{ estimates }}
        where change >= {{ convergence_tolerance() }} and step < {{ most_steps() }}

    ),

    scores as (

        {{ vote_scores(votes, 'running') }}

    ),

    estimated as (

        {{ estimates_of(votes, 'scores', 'running', prior_errors) }}

    )

    select
        estimated.*,
        running.step + 1 as step,
        max(abs(estimated.estimate - running.estimate) / if(estimated.model_key = 0, 1, running.estimate))
            over (partition by estimated.attribute_key) as change
    from estimated
    inner join running
        on
            estimated.attribute_key = running.attribute_key
            and estimated.model_key = running.model_key
            and estimated.canonical_tag_key = running.canonical_tag_key
{% endmacro %}
