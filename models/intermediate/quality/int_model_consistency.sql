-- A vote makes a pair with each other vote of the model, and one that agrees with each other for its tag.
select
    model_prompt_key,
    attribute_key,
    cast(sum(vote_count * (own_count - 1)) / 2 as bigint) as pair_count,
    cast(sum(vote_count * (vote_count - 1)) / 2 as bigint) as agreeing_pair_count
from {{ ref('int_others_consensus') }}
where own_count >= 2
group by all
