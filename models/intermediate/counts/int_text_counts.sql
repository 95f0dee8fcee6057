with

answers as (

    select * from {{ ref('int_answers') }}
    where group_key > {{ greatest_kept('group_key') }}

),

counted_values as (

    select * from {{ ref('int_tag_values') }}
    where is_counted

)

select
    answers.group_key,
    counted_values.text_key,
    count(*) as occurrences,
    bit_or(answers.model_set) as model_set
from counted_values
inner join answers
    on counted_values.result_key = answers.result_key
group by all
