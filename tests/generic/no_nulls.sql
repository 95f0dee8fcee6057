{# For a view, which can't have the constraint `not_null`; all columns in one look. #}
{% test no_nulls(model, columns) %}

    select *
    from {{ model }}
    where {% for column in columns %}{{ column }} is null{{ ' or ' if not loop.last }}{% endfor %}

{% endtest %}
