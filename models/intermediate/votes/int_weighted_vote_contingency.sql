with

votes as (

    select
        model_votes.palette_prompt_key,
        model_votes.attribute_key,
        model_votes.model_key,
        model_votes.canonical_tag_key,
        model_votes.voter_share,
        {{ vote_strength('model_votes.voter_share', 'weights.estimate') }} as strength
    from {{ ref('int_model_votes') }} as model_votes
    inner join {{ ref('int_vote_weights') }} as weights
        on model_votes.attribute_key = weights.attribute_key and model_votes.model_key = weights.model_key

),

tags as (

    select * from {{ ref('int_tag_strengths') }}

),

compared_items as (

    select
        palette_prompt_key,
        attribute_key
    from tags
    group by all
    having round({{ exact_sum('voters') }}) > {{ least_other_models() }}

),

voters as (

    select distinct
        votes.palette_prompt_key,
        votes.attribute_key,
        votes.model_key
    from votes
    semi join compared_items
        on
            votes.palette_prompt_key = compared_items.palette_prompt_key
            and votes.attribute_key = compared_items.attribute_key

),

winners_without_own as (

    select
        voters.*,
        tags.canonical_tag_key
    from voters
    inner join tags
        on voters.palette_prompt_key = tags.palette_prompt_key and voters.attribute_key = tags.attribute_key
    inner join {{ ref('int_canonical_tags') }} as canonical_tags
        on tags.canonical_tag_key = canonical_tags.canonical_tag_key
    left join votes
        on
            voters.palette_prompt_key = votes.palette_prompt_key
            and voters.model_key = votes.model_key
            and tags.canonical_tag_key = votes.canonical_tag_key
    where tags.strength > coalesce(votes.strength, 0)
    qualify row_number() over (
        partition by voters.palette_prompt_key, voters.attribute_key, voters.model_key
        order by tags.score - coalesce(votes.strength, 0) desc nulls last, canonical_tags.name_order asc nulls last
    ) = 1

)

select
    votes.attribute_key,
    votes.model_key,
    votes.canonical_tag_key,
    winners.canonical_tag_key as others_canonical_tag_key,
    cast({{ exact_sum('votes.voter_share') }} as decimal(18, 6)) as items
from votes
inner join winners_without_own as winners
    on
        votes.palette_prompt_key = winners.palette_prompt_key
        and votes.attribute_key = winners.attribute_key
        and votes.model_key = winners.model_key
group by all
