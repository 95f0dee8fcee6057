{# A schema is called as dbt_project.yml calls it, so that tables of the same name have one place in every target. #}
{% macro duckdb__generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name or target.schema }}
{%- endmacro %}
