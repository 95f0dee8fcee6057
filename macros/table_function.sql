{# Parameters carry no types: DuckDB keeps typed ones only in files of storage version 1.4 and later, so the bodies cast. #}
{% macro duckdb__table_function_sql(target_relation) %}
    {%- set parameters = [] -%}
    {%- for argument in model.arguments -%}
        {%- set default = argument.get('default_value') -%}
        {%- do parameters.append(argument.name ~ (' := ' ~ default if default is not none else '')) -%}
    {%- endfor -%}
    create or replace macro {{ target_relation.render() }}({{ parameters | join(', ') }}) as table
    {{ model.compiled_code }};
    comment on macro table {{ target_relation.render() }} is '{{ model.description | trim | replace("'", "''") }}'
{% endmacro %}


{% macro bare(relation) -%}
    {{ relation.schema }}.{{ relation.identifier }}
{%- endmacro %}
