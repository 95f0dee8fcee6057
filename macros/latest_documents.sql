{# Only keys are compared, so that the wide documents are read once and never sorted. #}
{% macro latest_documents(source) %}
    select
        _id,
        _creation_time,
        _ordinal,
        _run_id,
        {{ readable_json('document') }} as document
    from {{ source }}
    where
        _op = 'upsert'
        and _ordinal in (
            select max(_ordinal)
            from {{ source }}
            where
                _op <> 'truncate'
                and _ordinal > coalesce((select max(_ordinal) from {{ source }} where _op = 'truncate'), -1)
            group by _id
        )
{% endmacro %}


{#
    The steps: hide escaped backslashes and whole pairs behind control characters, which JSON text can't hold; replace
    what is left; put back what was hidden. Convex escapes only control characters, so nearly every document holds no `\u`
    at all and is passed on as it is.
#}
{% macro readable_json(json_text) %}
    {%- set hidden_backslashes = "replace(" ~ json_text ~ ", '\\\\', chr(1))" -%}
    {%- set hidden_pairs = "regexp_replace(" ~ hidden_backslashes ~ ", '\\\\u([dD][89abAB][0-9a-fA-F]{2})\\\\u([dD][c-fC-F][0-9a-fA-F]{2})', chr(2) || 'u\\1' || chr(2) || 'u\\2', 'g')" -%}
    {%- set replaced = "regexp_replace(" ~ hidden_pairs ~ ", '\\\\u[dD][89a-fA-F][0-9a-fA-F]{2}', '\\\\ufffd', 'g')" -%}
    case
        when contains({{ json_text }}, '\u')
            then replace(replace({{ replaced }}, chr(2), '\'), chr(1), '\\')
        else {{ json_text }}
    end
{%- endmacro %}
