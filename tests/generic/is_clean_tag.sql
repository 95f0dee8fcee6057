{% test is_clean_tag(model, column_name) %}

    select
        *,
        {{ clean_tag(column_name) }} as should_be
    from {{ model }}
    where {{ column_name }} is distinct from {{ clean_tag(column_name) }}

{% endtest %}
