with

-- `rollup` adds rows about all prompt versions, which name none.
votes as (

    select
        palette_prompts.prompt_version,
        votes.model_key,
        votes.attribute_key,
        votes.canonical_tag_key,
        votes.others_canonical_tag_key,
        sum(votes.vote_count) as vote_count
    from {{ ref('int_leave_one_out_winners') }} as votes
    inner join {{ ref('int_palette_prompts') }} as palette_prompts
        on votes.palette_prompt_key = palette_prompts.palette_prompt_key
    where votes.others_canonical_tag_key is not null
    group by
        votes.model_key,
        votes.attribute_key,
        votes.canonical_tag_key,
        votes.others_canonical_tag_key,
        rollup (palette_prompts.prompt_version)

),

own_and_others_tags as (

    select
        prompt_version,
        model_key,
        attribute_key,
        canonical_tag_key,
        vote_count,
        0 as others_count,
        if(canonical_tag_key = others_canonical_tag_key, vote_count, 0) as agreeing_count
    from votes
    union all
    select
        prompt_version,
        model_key,
        attribute_key,
        others_canonical_tag_key as canonical_tag_key,
        0 as vote_count,
        vote_count as others_count,
        0 as agreeing_count
    from votes

),

by_tag as (

    select
        prompt_version,
        model_key,
        attribute_key,
        canonical_tag_key,
        sum(vote_count) as vote_count,
        sum(others_count) as others_count,
        sum(agreeing_count) as agreeing_count
    from own_and_others_tags
    group by all

)

select
    prompt_version,
    model_key,
    attribute_key,
    cast(sum(vote_count) as bigint) as compared_vote_count,
    sum(agreeing_count) / sum(vote_count) as agreement,
    {{ beyond_chance(
        'sum(agreeing_count) / sum(vote_count)',
        'sum(vote_count * others_count) / (sum(vote_count) * sum(vote_count))'
    ) }} as cohens_kappa
from by_tag
group by all
