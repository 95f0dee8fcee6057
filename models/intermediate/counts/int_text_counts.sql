with

answers as (

    select * from {{ ref('int_answers') }}
    where palette_prompt_key > {{ high_water_mark('palette_prompt_key') }}

),

counted_values as (

    select * from {{ ref('int_tag_values') }}
    where is_counted

)

select
    answers.palette_prompt_key,
    counted_values.text_key,
    count(*) as occurrences,
    bit_or(answers.model_set) as model_set,
    bit_or(answers.model_set) filter (where answers.is_first_of_model) as first_model_set,
    cast(sum(answers.vote_part) as bigint) as vote_parts,
    cast(sum(answers.palette_vote_part) as bigint) as palette_vote_parts
from counted_values
inner join answers
    on counted_values.result_key = answers.result_key
group by all
