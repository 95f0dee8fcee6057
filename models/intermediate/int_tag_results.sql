with

results as (

    select
        *,
        coalesce(json_type(tags), 'NULL') as tags_type
    from {{ ref('stg_convex__palette_tags') }}

),

judged as (

    select
        _ordinal,
        result_id,
        palette_seed,
        prompt_version,
        provider,
        model,
        coalesce(analysis_index, run_number - 1) as analysis_index,
        case tags_type
            when 'OBJECT' then 'success'
            when 'NULL' then 'error'
            else 'malformed'
        end as status,
        case when tags_type = 'OBJECT' then cast(to_json(json_keys(tags)) as varchar) end as tag_keys,
        error,
        input_tokens,
        output_tokens,
        invalid_fields,
        created_at
    from results

)

select
    cast(row_number() over (order by palette_seed, prompt_version, _ordinal) as integer) as result_key,
    *
from judged
