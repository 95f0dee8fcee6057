with

tag_values as (

    select * from {{ ref('int_tag_values') }}
    where result_key > {{ high_water_mark('result_key') }}

),

texts as (

    select * from {{ ref('int_texts') }}

)

select
    tag_values.result_key,
    count(*) filter (where texts.text is not null) as value_count,
    count(*) filter (where texts.text is null) as malformed_value_count
from tag_values
inner join texts
    on tag_values.text_key = texts.text_key
group by all
