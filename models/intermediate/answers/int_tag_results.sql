{% set last_key = last_key_given('int_tag_results') %}
{% set changed %}
    select changed._ordinal
    from {{ ref('int_changed_results') }} as changed
    {{ exclude_existing('changed', ['document_hash']) }}
    where changed.result_key is null
{% endset %}
{% set first_run_of_changed = first_run(ref('stg_convex__palette_tag_changes'), changed) %}

with

results as (

    select * from {{ ref('stg_convex__palette_tags') }}
    {% if is_incremental() %}
    where
        _run_id >= '{{ first_run_of_changed }}'
        and _ordinal in ({{ changed }})
    {% endif %}

),

judged as (

    select
        _ordinal,
        result_id,
        hash(document) as document_hash,
        palette_seed,
        prompt_version,
        provider,
        model,
        coalesce(analysis_index, run_number - 1) as analysis_index,
        case
            when starts_with(tags, '{') then 'success'
            when coalesce(tags, 'null') = 'null' then 'error'
            else 'malformed'
        end as status,
        case when starts_with(tags, '{') then cast(to_json(json_keys(tags)) as varchar) end as tag_keys,
        error,
        input_tokens,
        output_tokens,
        invalid_fields,
        created_at
    from results

)

select
    cast(
        {{ last_key }}
        + row_number() over (
            order by palette_seed asc nulls last, prompt_version asc nulls last, _ordinal asc nulls last
        ) as integer
    ) as result_key,
    * exclude (_ordinal)
from judged
