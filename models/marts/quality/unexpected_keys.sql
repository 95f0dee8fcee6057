with

answers as (

    select * from {{ ref('int_answers') }}

),

key_lists as (

    select * from {{ ref('int_key_lists') }}
    where len(unexpected_keys) > 0

),

unexpected_keys as (

    select
        answers.answer_id,
        answers.model,
        unnest(key_lists.unexpected_keys) as unexpected
    from answers
    inner join key_lists
        on answers.json_keys = key_lists.json_keys

)

select
    unexpected['json_key'] as json_key,
    unexpected['problem'] as problem,
    count(distinct answer_id) as answer_count,
    list_slice(list(distinct model order by model asc nulls last), 1, 20) as models,
    min(answer_id) as example_answer_id
from unexpected_keys
group by all
