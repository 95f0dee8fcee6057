{# Hashes are compared first, since wide strings in millions of rows are dear; what they find is looked at again. #}
{% test unique_combination(model, columns) %}

    with

    hashed as (

        select
            {{ columns | join(', ') }},
            hash({{ columns | join(', ') }}) as row_hash
        from {{ model }}

    ),

    suspects as (

        select row_hash
        from hashed
        group by row_hash
        having count(*) > 1

    )

    select
        {{ columns | join(', ') }},
        count(*) as row_count
    from hashed
    where row_hash in (select row_hash from suspects)
    group by {{ columns | join(', ') }}
    having count(*) > 1

{% endtest %}
