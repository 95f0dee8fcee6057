-- For each model, how often its vote on what has one value isn't the winner. Its own vote is part of the consensus, so
-- where few models answered it looks more agreeable here than it is. Ties are left out.
with

votes as (

    select
        said.provider,
        said.model,
        said.canonical_tag <> consensus.winner as is_other
    from {{ ref('tag_values') }} as said
    inner join {{ ref('attribute_consensus') }} as consensus
        on
            said.palette_seed = consensus.palette_seed
            and said.prompt_version = consensus.prompt_version
            and said.attribute = consensus.attribute
    inner join {{ ref('attributes') }} as attributes
        on said.attribute = attributes.attribute
    where said.is_counted and attributes.kind = 'categorical' and not consensus.is_tie

)

select
    provider,
    model,
    count(*) as vote_count,
    count(*) filter (where is_other) / count(*) as disagreement
from votes
group by provider, model
order by disagreement desc nulls last, provider asc nulls last, model asc nulls last
