{% set new_versions %}
    select versions._ordinal
    from {{ ref('stg_convex__palette_tag_versions') }} as versions
    {{ exclude_existing('versions', ['document_hash']) }}
{% endset %}
{% set first_run_of_new = first_run(ref('stg_convex__palette_tag_changes'), new_versions) %}

with

documents as (

    select * from {{ ref('stg_convex__palette_tags') }}
    {% if is_incremental() %}
    where
        _run_id >= '{{ first_run_of_new }}'
        and _ordinal in ({{ new_versions }})
    {% endif %}

),

judged as (

    select
        *,
        hash(document) as document_hash,
        case
            when starts_with(tags, '{') then 'success'
            when coalesce(tags, 'null') = 'null' then 'error'
            else 'malformed'
        end as status
    from documents

)

select
    cast(
        {{ last_key_given() }}
        + row_number() over (
            order by palette_seed asc nulls last, prompt_version asc nulls last, _ordinal asc nulls last
        ) as integer
    ) as answer_key,
    answer_id,
    document_hash,
    palette_seed,
    prompt_version,
    provider,
    model,
    coalesce(analysis_index, run_number - 1) as analysis_index,
    status,
    case when status = 'success' then tags end as tags,
    case when status = 'success' then cast(to_json(json_keys(tags)) as varchar) end as json_keys,
    error,
    input_tokens,
    output_tokens,
    invalid_fields,
    created_at
from judged
