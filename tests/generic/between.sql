{% test between(model, column_name, minimum, maximum) %}

    select *
    from {{ model }}
    where not {{ column_name }} between {{ minimum }} and {{ maximum }}

{% endtest %}
