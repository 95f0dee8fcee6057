with

votes as (

    select
        models.model_key,
        votes.canonical_tag_key,
        sum(votes.vote_count) as vote_count
    from {{ ref('int_model_votes') }} as votes
    inner join {{ ref('int_model_prompt_keys') }} as model_prompts
        on votes.model_prompt_key = model_prompts.model_prompt_key
    inner join {{ ref('int_models') }} as models
        on model_prompts.model = models.model
    inner join {{ ref('int_canonical_tags') }} as canonical_tags
        on votes.canonical_tag_key = canonical_tags.canonical_tag_key
    where canonical_tags.is_allowed
    group by all

),

patterns as (

    select
        item_count,
        unnest([{{ opinion_columns() }}]) as opinion_key
    from {{ ref('int_vote_patterns') }}

),

items as (

    select
        opinion_key,
        sum(item_count) as item_count
    from patterns
    group by all

),

ballots as (

    select
        items.item_count,
        unnest(opinions.votes) as vote
    from items
    inner join {{ ref('int_panel_opinions') }} as opinions
        on items.opinion_key = opinions.opinion_key

),

weighed as (

    select
        vote.model_key,
        vote.canonical_tag_key,
        sum(vote.vote_count * item_count) as vote_count
    from ballots
    group by all

)

select
    model_key,
    canonical_tag_key,
    votes.vote_count as said,
    weighed.vote_count as weighed
from votes
full join weighed using (model_key, canonical_tag_key)
where votes.vote_count is distinct from weighed.vote_count
