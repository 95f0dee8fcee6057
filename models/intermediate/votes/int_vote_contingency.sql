with

votes as (

    select
        palette_prompts.prompt_version,
        votes.model_key,
        votes.attribute_key,
        votes.canonical_tag_key,
        votes.others_canonical_tag_key,
        cast(sum(votes.vote_count) as bigint) as vote_count
    from {{ ref('int_leave_one_out_winners') }} as votes
    inner join {{ ref('int_palette_prompts') }} as palette_prompts
        on votes.palette_prompt_key = palette_prompts.palette_prompt_key
    where votes.others_canonical_tag_key is not null
    group by all

)

select * from votes
union all
select
    null as prompt_version,
    model_key,
    attribute_key,
    canonical_tag_key,
    others_canonical_tag_key,
    cast(sum(vote_count) as bigint) as vote_count
from votes
group by all
