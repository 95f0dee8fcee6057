with

said as (

    select * exclude (is_nested)
    from {{ ref('int_tag_values__said') }}
    where not is_nested

),

nested as (

    select * from {{ ref('int_tag_values__nested') }}

)

select * from said
union all by name
select * from nested
