{# Each document is parsed once, into the JSON texts of its fields. #}
{% macro typed_fields(documents, fields, also=[]) %}
    {%- set names = [] -%}
    {%- for field in fields if field.name.split('.')[0] not in names -%}
        {%- do names.append(field.name.split('.')[0]) -%}
    {%- endfor -%}
    select
        _id,
        _ordinal,
        {%- for column in also %}
        {{ column }},
        {%- endfor %}
        {{ milliseconds_to_timestamp('_creation_time') }} as created_at,
        {%- for field in fields %}
        {{ field_value(field) }} as {{ field.column }},
        {%- endfor %}
        case
            when {% for field in fields if field.type != 'json' -%}
                {{ field_is_valid(field) }}{{ ' and ' if not loop.last }}
            {%- endfor %} then []
            else list_filter(
                [
                    {%- for field in fields if field.type != 'json' %}
                    {{ field_problem(field) }}{{ ',' if not loop.last }}
                    {%- endfor %}
                ],
                lambda problem: problem is not null
            )
        end as invalid_fields,
        document
    from (
        select
            *,
            from_json(document, '{ {%- for name in names %}"{{ name }}": "JSON"{{ ', ' if not loop.last }}{% endfor -%} }') as fields
        from {{ documents }}
    )
{%- endmacro %}


{% macro field_json(field) -%}
    {%- set parts = field.name.split('.') -%}
    {%- if parts | length == 1 -%} cast(fields."{{ parts[0] }}" as varchar)
    {%- else -%} cast(json_extract(fields."{{ parts[0] }}", '$."{{ parts[1] }}"') as varchar)
    {%- endif -%}
{%- endmacro %}


{% macro field_value(field) -%}
    {%- set value = field_json(field) -%}
    {%- set number = 'try_cast(' ~ value ~ ' as double)' -%}
    {%- if field.type == 'json' -%}
        {{ value }}
    {%- elif field.type == 'text' -%}
        case when {{ is_of_type(field) }} then cast({{ value }} as json) ->> '$' end
    {%- elif field.type == 'number' -%}
        case when {{ is_of_type(field) }} then {{ number }} end
    {%- elif field.type == 'integer' -%}
        case when {{ is_of_type(field) }} then cast({{ number }} as bigint) end
    {%- elif field.type == 'timestamp' -%}
        case when {{ is_of_type(field) }} then {{ milliseconds_to_timestamp(number) }} end
    {%- else -%}
        {{ exceptions.raise_compiler_error('typed_fields knows no type ' ~ field.type) }}
    {%- endif -%}
{%- endmacro %}


{# The text is JSON, so its first character tells its type: parsing it again would cost more than all the rest. #}
{% macro is_of_type(field) -%}
    {%- set value = field_json(field) -%}
    {%- set number = 'try_cast(' ~ value ~ ' as double)' -%}
    {%- if field.type == 'text' -%}
        {{ value }} like '"%'
    {%- else -%}
        left({{ value }}, 1) between '-' and '9' and isfinite({{ number }})
        {%- if field.type == 'integer' %}
        and {{ number }} = trunc({{ number }}) and abs({{ number }}) < 9007199254740992
        {%- elif field.type == 'timestamp' %}
        and {{ number }} between 0 and 9007199254740992
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}


{% macro field_is_valid(field) -%}
    coalesce({{ is_of_type(field) }}, {{ 'true' if field.optional else 'false' }})
{%- endmacro %}


{% macro field_problem(field) -%}
    case
        when coalesce({{ field_json(field) }}, 'null') = 'null' then {{ 'null' if field.optional else "'" ~ field.name ~ " is missing'" }}
        when not coalesce({{ is_of_type(field) }}, false) then '{{ field.name }} is no {{ field.type }}'
    end
{%- endmacro %}


{% macro milliseconds_to_timestamp(milliseconds) -%}
    case
        when {{ milliseconds }} between 0 and 9007199254740992 then make_timestamp(cast({{ milliseconds }} * 1000 as bigint))
    end
{%- endmacro %}
