with

voters as (

    select * from {{ ref('int_compared_voters') }}
    where voter_count >= 2

),

tags as (

    select
        palette_prompt_key,
        attribute_key,
        sum(now_count) as now_said,
        sum(now_count * now_count) as now_squared,
        sum(previous_count) as previously_said,
        sum(previous_count * previous_count) as previously_squared
    from {{ ref('int_compared_tags') }}
    group by all

),

changes as (

    select
        voters.prompt_version,
        voters.attribute_key,
        (tags.now_squared - tags.now_said) / ((voters.voter_count - 1) * tags.now_said)
        - (tags.previously_squared - tags.previously_said) / ((voters.voter_count - 1) * tags.previously_said) as change
    from voters
    inner join tags
        on voters.palette_prompt_key = tags.palette_prompt_key and voters.attribute_key = tags.attribute_key
    where tags.now_said > 0 and tags.previously_said > 0

),

means as (

    select
        prompt_version,
        attribute_key,
        count(*) as palette_count,
        {{ exact_avg('change') }} as mean_change,
        {{ standard_error(
            squared_deviations(exact_sum('change * change'), exact_sum('change'), 'count(*)'), 'count(*)'
        ) }} as change_error,
        case
            when palette_count >= {{ least_compared_palettes() }}
                then {{ two_sided_p_of_t('mean_change', 'change_error', 'palette_count - 1') }}
        end as p_value
    from changes
    group by all

),

ordered as (

    select
        *,
        {{ holm_places('p_value', ['prompt_version']) }}
    from means

)

select
    prompt_version,
    attribute_key,
    palette_count as shared_palette_count,
    round(mean_change, 12) + 0.0 as agreement_change,
    round(change_error, 12) as agreement_change_error,
    {{ holm_adjusted('p_value', ['prompt_version']) }} as agreement_change_p_value
from ordered
