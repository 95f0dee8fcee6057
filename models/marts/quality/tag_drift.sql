with

tested as (

    select
        *,
        {{ two_sided_p_of_t('share_change', 'share_change_error', 'shared_palette_count - 1') }} as single_p_value
    from {{ ref('int_tag_changes') }}
    where
        answer_count + previous_answer_count >= {{ least_compared_items() }}
        and shared_palette_count >= {{ least_compared_palettes() }}

),

ordered as (

    select
        *,
        {{ holm_places('single_p_value', ['prompt_version', 'attribute_key']) }}
    from tested

)

select
    ordered.prompt_version,
    canonical_tags.attribute,
    canonical_tags.canonical_tag,
    prompt_versions.previous_prompt_version,
    ordered.shared_palette_count,
    ordered.answer_count,
    ordered.previous_answer_count,
    round(ordered.share, 12) as share,
    round(ordered.previous_share, 12) as previous_share,
    round(ordered.share_change, 12) + 0.0 as share_change,
    round(ordered.share_change_error, 12) as share_change_error,
    case
        when ordered.share_change = 0 then 0.0
        else round(ordered.share_change / nullif(ordered.share_change_error, 0), 9)
    end as t_score,
    {{ holm_adjusted('ordered.single_p_value', ['ordered.prompt_version', 'ordered.attribute_key']) }} as p_value
from ordered
inner join {{ ref('int_prompt_versions') }} as prompt_versions
    on ordered.prompt_version = prompt_versions.prompt_version
inner join {{ ref('int_canonical_tags') }} as canonical_tags
    on ordered.canonical_tag_key = canonical_tags.canonical_tag_key
