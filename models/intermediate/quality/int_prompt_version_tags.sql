with

voters as (

    select * from {{ ref('int_voters') }}

)

select
    voters.prompt_version,
    counts.attribute_key,
    counts.canonical_tag_key,
    cast(sum(counts.answer_count) as bigint) as answer_count,
    cast(
        coalesce(sum(bit_count(counts.first_model_set)) filter (where voters.voter_count >= 2), 0) as bigint
    ) as compared_count
from {{ ref('int_canonical_counts') }} as counts
inner join voters
    on counts.palette_prompt_key = voters.palette_prompt_key and counts.attribute_key = voters.attribute_key
where counts.is_published
group by all
