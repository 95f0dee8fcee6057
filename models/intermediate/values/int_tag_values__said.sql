{% set last_result_key = high_water_mark('result_key') %}
{% set new_versions %}
    select versions._ordinal
    from {{ ref('stg_convex__palette_tag_versions') }} as versions
    inner join {{ ref('int_tag_results') }} as results
        on versions.document_hash = results.document_hash
    where results.result_key > {{ last_result_key }}
{% endset %}
{% set first_run_of_new = first_run(ref('stg_convex__palette_tag_changes'), new_versions) %}

with

answers as (

    select * from {{ ref('int_tag_values__answers') }}
    where result_key > {{ last_result_key }}

),

tag_objects as (

    select * from {{ ref('stg_convex__palette_tags') }}
    {% if is_incremental() %}
    where _run_id >= '{{ first_run_of_new }}'
    {% endif %}

),

fields as (

    select
        answers.result_key,
        answers.model_prompt_key,
        unnest(answers.attribute_keys) as attribute_key,
        unnest(cast(json_extract(tag_objects.document, '$.tags.*') as varchar[])) as json_text
    from tag_objects
    inner join answers
        on tag_objects.result_id = answers.result_id

),

elements as (

    select
        result_key,
        model_prompt_key,
        attribute_key,
        json_text like '[%[%' as is_nested,
        case
            when json_text like '[%' then cast(from_json(json_text, '["JSON"]') as varchar[])
            else [json_text]
        end as elements
    from fields
    where attribute_key is not null

),

-- Here, and not beside the unnest: there it would be asked once an element.
compared as (

    select
        *,
        is_nested or {{ has_repeats('elements') }} as is_repeat_possible
    from elements

)

select
    result_key,
    model_prompt_key,
    attribute_key,
    is_nested,
    is_repeat_possible,
    cast(unnest({{ places_in('elements') }}) as integer) as value_index,
    coalesce(unnest(elements), 'null') as json_text
from compared
