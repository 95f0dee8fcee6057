with

answers as (

    select
        scopes.scope_key,
        scopes.prompt_version,
        scopes.provider,
        scopes.model,
        cast(sum(model_prompts.result_count) as bigint) as result_count,
        sum(model_prompts.error_count) / sum(model_prompts.result_count) as error_rate,
        sum(model_prompts.malformed_count) / sum(model_prompts.result_count) as malformed_rate,
        sum(coalesce(model_prompts.input_tokens, 0) + coalesce(model_prompts.output_tokens, 0)) as tokens
    from {{ ref('int_model_scopes') }} as scopes
    inner join {{ ref('int_model_prompts') }} as model_prompts
        on scopes.model_prompt_key = model_prompts.model_prompt_key
    group by all

),

said as (

    select
        scopes.scope_key,
        said.attribute_key,
        cast(sum(said.value_count) as bigint) as value_count,
        sum(said.as_asked_count) / nullif(sum(said.counted_count), 0) as vocabulary_compliance,
        sum(said.malformed_value_count) / sum(said.value_count) as malformed_value_rate,
        sum(said.surplus_count) / sum(said.value_count) as surplus_rate,
        sum(said.usable_count) as usable_count
    from {{ ref('int_model_scopes') }} as scopes
    inner join {{ ref('int_value_quality') }} as said
        on scopes.model_prompt_key = said.model_prompt_key
    group by all

)

select
    answers.* exclude (scope_key, tokens),
    attributes.attribute,
    coalesce(agreement.compared_vote_count, 0) as compared_vote_count,
    agreement.agreement,
    agreement.cohens_kappa,
    coalesce(consistency.pair_count, 0) as repeated_pair_count,
    consistency.agreeing_pair_count / consistency.pair_count as self_consistency,
    coalesce(said.value_count, 0) as value_count,
    said.vocabulary_compliance,
    said.malformed_value_rate,
    said.surplus_rate,
    answers.tokens / nullif(sum(said.usable_count) over (partition by answers.scope_key), 0) as tokens_per_usable_tag
from answers
cross join {{ ref('int_attributes') }} as attributes
left join {{ ref('int_models') }} as models
    on answers.model = models.model
left join {{ ref('int_model_agreement') }} as agreement
    on
        answers.prompt_version is not distinct from agreement.prompt_version
        and models.model_key = agreement.model_key
        and attributes.attribute_key = agreement.attribute_key
left join {{ ref('int_model_consistency') }} as consistency
    on
        answers.prompt_version is not distinct from consistency.prompt_version
        and models.model_key = consistency.model_key
        and attributes.attribute_key = consistency.attribute_key
left join said
    on answers.scope_key = said.scope_key and attributes.attribute_key = said.attribute_key
