{% test is_clean_tag(model, column_name) %}

    select *
    from {{ model }}
    where {{ column_name }} is distinct from {{ clean_tag(column_name) }}

{% endtest %}
