with

prompt_versions as (

    select * from {{ ref('int_prompt_versions') }}

),

entropies as (

    select
        prompt_version,
        attribute,
        round({{ exact_avg('entropy') }}, 12) as mean_entropy
    from {{ ref('attribute_consensus') }}
    group by all

),

measured as (

    select
        prompt_versions.* exclude (previous_prompt_version),
        attributes.attribute,
        prompt_versions.previous_prompt_version,
        coalesce(agreement.palette_count, 0) as palette_count,
        agreement.krippendorff_alpha,
        entropies.mean_entropy,
        coalesce(said.value_count, 0) as value_count,
        said.vocabulary_compliance,
        said.malformed_value_rate,
        said.surplus_rate,
        coalesce(changes.shared_palette_count, 0) as shared_palette_count,
        changes.agreement_change,
        changes.agreement_change_error
    from prompt_versions
    cross join {{ ref('int_attributes') }} as attributes
    left join {{ ref('int_prompt_version_agreement') }} as agreement
        on
            prompt_versions.prompt_version = agreement.prompt_version
            and attributes.attribute_key = agreement.attribute_key
    left join entropies
        on prompt_versions.prompt_version = entropies.prompt_version and attributes.attribute = entropies.attribute
    left join {{ ref('int_prompt_version_values') }} as said
        on prompt_versions.prompt_version = said.prompt_version and attributes.attribute_key = said.attribute_key
    left join {{ ref('int_prompt_version_changes') }} as changes
        on prompt_versions.prompt_version = changes.prompt_version and attributes.attribute_key = changes.attribute_key

)

select
    *,
    round(krippendorff_alpha - lag(krippendorff_alpha) over version_before, 12) as krippendorff_alpha_change,
    round(mean_entropy - lag(mean_entropy) over version_before, 12) as mean_entropy_change,
    round(vocabulary_compliance - lag(vocabulary_compliance) over version_before, 12) as vocabulary_compliance_change,
    case
        when agreement_change > 1.96 * agreement_change_error then 'better'
        when -agreement_change > 1.96 * agreement_change_error then 'worse'
        when previous_prompt_version is not null then 'no clear change'
    end as verdict
from measured
window version_before as (partition by attribute order by first_used_at asc nulls last, prompt_version asc nulls last)
