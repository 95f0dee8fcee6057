with

prompt_versions as (

    select * from {{ ref('int_prompt_versions') }}

),

entropies as (

    select
        prompt_version,
        attribute,
        round({{ exact_avg('entropy') }}, 12) as mean_entropy,
        round({{ exact_avg('effective_tags') }}, 9) as mean_effective_tags
    from {{ ref('attribute_consensus') }}
    group by all

),

value_quality as (

    select
        prompt_version,
        attribute_key,
        cast(sum(value_count) as bigint) as value_count,
        sum(as_asked_count) / nullif(sum(counted_count), 0) as vocabulary_compliance,
        sum(malformed_value_count) / sum(value_count) as malformed_value_rate,
        sum(extra_value_count) / sum(value_count) as extra_value_rate
    from {{ ref('int_value_quality') }}
    group by all

),

measured as (

    select
        prompt_versions.* exclude (is_answered, previous_prompt_version),
        attributes.attribute,
        prompt_versions.previous_prompt_version,
        coalesce(agreement.palette_count, 0) as palette_count,
        agreement.krippendorff_alpha,
        {{ bound_by_error('agreement.krippendorff_alpha', 'errors.alpha_error', '-') }}
            as krippendorff_alpha_lower_bound,
        {{ bound_by_error('agreement.krippendorff_alpha', 'errors.alpha_error', '+') }}
            as krippendorff_alpha_upper_bound,
        entropies.mean_entropy,
        entropies.mean_effective_tags,
        coalesce(value_quality.value_count, 0) as value_count,
        value_quality.vocabulary_compliance,
        value_quality.malformed_value_rate,
        value_quality.extra_value_rate,
        coalesce(changes.shared_palette_count, 0) as shared_palette_count,
        changes.agreement_change,
        changes.agreement_change_error,
        changes.agreement_change_p_value
    from prompt_versions
    cross join {{ ref('int_attributes') }} as attributes
    left join {{ ref('int_prompt_version_agreement') }} as agreement
        on
            prompt_versions.prompt_version = agreement.prompt_version
            and attributes.attribute_key = agreement.attribute_key
    left join {{ ref('int_alpha_standard_errors') }} as errors
        on
            prompt_versions.prompt_version = errors.prompt_version
            and attributes.attribute_key = errors.attribute_key
    left join entropies
        on prompt_versions.prompt_version = entropies.prompt_version and attributes.attribute = entropies.attribute
    left join value_quality
        on
            prompt_versions.prompt_version = value_quality.prompt_version
            and attributes.attribute_key = value_quality.attribute_key
    left join {{ ref('int_prompt_version_changes') }} as changes
        on prompt_versions.prompt_version = changes.prompt_version and attributes.attribute_key = changes.attribute_key

)

select
    measured.*,
    round(measured.krippendorff_alpha - before.krippendorff_alpha, 12) as krippendorff_alpha_change,
    round(measured.mean_entropy - before.mean_entropy, 12) as mean_entropy_change,
    round(measured.mean_effective_tags - before.mean_effective_tags, 9) as mean_effective_tags_change,
    round(measured.vocabulary_compliance - before.vocabulary_compliance, 12) as vocabulary_compliance_change,
    case
        when measured.previous_prompt_version is null then null
        when measured.shared_palette_count < {{ least_compared_palettes() }} then 'not comparable'
        when measured.agreement_change_p_value > {{ most_p_value() }} then 'no clear change'
        when measured.agreement_change > 0 then 'better'
        else 'worse'
    end as verdict
from measured
left join measured as before
    on measured.previous_prompt_version = before.prompt_version and measured.attribute = before.attribute
