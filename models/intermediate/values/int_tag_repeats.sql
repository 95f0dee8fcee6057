select
    answers.palette_prompt_key,
    repeats.tag_key,
    repeats.canonical_tag_key,
    cast(sum(repeats.repeats) as integer) as repeats,
    cast(sum(repeats.repeats * answers.vote_part) as bigint) as vote_parts,
    cast(sum(repeats.repeats * answers.palette_vote_part) as bigint) as palette_vote_parts
from {{ ref('int_answer_repeats') }} as repeats
inner join {{ ref('int_answers') }} as answers
    on repeats.result_key = answers.result_key
group by all
