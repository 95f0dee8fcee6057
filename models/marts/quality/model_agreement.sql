with

-- `rollup` adds rows about all prompt versions, which name none.
answers as (

    select
        prompt_version,
        provider,
        model,
        count(*) as answer_count,
        count(*) filter (where status = 'error') / count(*) as error_rate,
        count(*) filter (where status = 'malformed') / count(*) as malformed_rate,
        coalesce(sum(input_tokens), 0) + coalesce(sum(output_tokens), 0) as tokens
    from {{ ref('int_answers') }}
    where prompt_version is not null and model is not null
    group by provider, model, rollup (prompt_version)

),

value_quality as (

    select
        prompt_version,
        provider,
        model,
        attribute_key,
        cast(sum(value_count) as bigint) as value_count,
        sum(as_asked_count) / nullif(sum(counted_count), 0) as vocabulary_compliance,
        sum(malformed_value_count) / sum(value_count) as malformed_value_rate,
        sum(extra_value_count) / sum(value_count) as extra_value_rate,
        sum(usable_count) as usable_count
    from {{ ref('int_value_quality') }}
    where model is not null
    group by provider, model, attribute_key, rollup (prompt_version)

),

-- A vote makes a pair with each other vote of the model, and one that agrees with each other for its tag.
repeated_votes as (

    select
        palette_prompts.prompt_version,
        votes.model_key,
        votes.attribute_key,
        cast(sum(votes.vote_count * (votes.own_count - 1)) / 2 as bigint) as pair_count,
        cast(sum(votes.vote_count * (votes.vote_count - 1)) / 2 as bigint) as agreeing_pair_count
    from {{ ref('int_model_votes') }} as votes
    inner join {{ ref('int_palette_prompts') }} as palette_prompts
        on votes.palette_prompt_key = palette_prompts.palette_prompt_key
    where votes.own_count >= 2
    group by votes.model_key, votes.attribute_key, rollup (palette_prompts.prompt_version)

)

select
    answers.* exclude (tokens),
    attributes.attribute,
    coalesce(agreement.compared_vote_count, 0) as compared_vote_count,
    agreement.agreement,
    agreement.cohens_kappa,
    coalesce(repeated_votes.pair_count, 0) as repeated_pair_count,
    repeated_votes.agreeing_pair_count / repeated_votes.pair_count as self_consistency,
    coalesce(value_quality.value_count, 0) as value_count,
    value_quality.vocabulary_compliance,
    value_quality.malformed_value_rate,
    value_quality.extra_value_rate,
    answers.tokens / nullif(
        sum(value_quality.usable_count) over (partition by answers.prompt_version, answers.provider, answers.model), 0
    ) as tokens_per_usable_tag
from answers
cross join {{ ref('int_attributes') }} as attributes
left join {{ ref('int_models') }} as models
    on answers.model = models.model
left join {{ ref('int_model_agreement') }} as agreement
    on
        answers.prompt_version is not distinct from agreement.prompt_version
        and models.model_key = agreement.model_key
        and attributes.attribute_key = agreement.attribute_key
left join repeated_votes
    on
        answers.prompt_version is not distinct from repeated_votes.prompt_version
        and models.model_key = repeated_votes.model_key
        and attributes.attribute_key = repeated_votes.attribute_key
left join value_quality
    on
        answers.prompt_version is not distinct from value_quality.prompt_version
        and answers.provider is not distinct from value_quality.provider
        and answers.model = value_quality.model
        and attributes.attribute_key = value_quality.attribute_key
