select
    answers.group_key,
    repeats.tag_key,
    repeats.canonical_tag_key,
    cast(sum(repeats.repeats) as integer) as repeats
from {{ ref('int_answer_repeats') }} as repeats
inner join {{ ref('int_answers') }} as answers
    on repeats.result_key = answers.result_key
group by all
