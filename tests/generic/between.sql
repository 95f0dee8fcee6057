{# Fails for every row whose value lies outside [minimum, maximum]; both may be SQL, such as another column. #}
{% test between(model, column_name, minimum, maximum) %}

    select *
    from {{ model }}
    where not {{ column_name }} between {{ minimum }} and {{ maximum }}

{% endtest %}
