{#
    dbt has no SQL of its own for a function that returns a table; in DuckDB that is a table macro. The arguments of the
    function's page become its named parameters. One without a `default_value` has to be given; `"null"` is a default.
    They carry no types: DuckDB keeps typed ones only in files of storage version 1.4 and later, so the bodies cast.
#}
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


{#
    A mart by its bare name, with the lineage that `ref` gives. A table function is copied to the published file as text,
    so it may name no database.
#}
{% macro bare(relation) -%}
    {{ relation.identifier }}
{%- endmacro %}
