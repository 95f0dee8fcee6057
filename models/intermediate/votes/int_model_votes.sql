with

answers as (

    select * from {{ ref('int_answers') }}
    where model_set is not null and group_key > {{ greatest_kept('group_key') }}

)

select
    answers.group_key,
    votes.attribute_key,
    answers.model_prompt_key,
    votes.canonical_tag_key,
    count(*) as vote_count
from {{ ref('int_votes') }} as votes
inner join answers
    on votes.result_key = answers.result_key
group by all
