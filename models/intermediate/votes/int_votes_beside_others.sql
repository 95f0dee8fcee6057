select
    model_prompt_key,
    attribute_key,
    canonical_tag_key,
    others_canonical_tag_key,
    cast(sum(vote_count) as bigint) as vote_count
from {{ ref('int_others_consensus') }}
where others_canonical_tag_key is not null
group by all
