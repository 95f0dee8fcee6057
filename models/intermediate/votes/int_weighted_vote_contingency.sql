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

leaders as (

    select
        palette_prompt_key,
        attribute_key,
        arg_max(canonical_tag_key, score) as canonical_tag_key,
        arg_max(strength, score) as strength,
        max(score) as score,
        coalesce(max(score, 2)[2], 0) as next_score
    from {{ ref('int_tag_strengths') }}
    group by all
    having round({{ exact_sum('voters') }}) > {{ least_other_models() }}

),

-- Without a model's own votes, a tag that leads by more than they are stays the winner.
voters as (

    select distinct
        votes.palette_prompt_key,
        votes.attribute_key,
        votes.model_key,
        leaders.canonical_tag_key,
        leaders.score - coalesce(own.strength, 0) > leaders.next_score
        and leaders.strength > coalesce(own.strength, 0) as is_winner
    from votes
    inner join leaders
        on votes.palette_prompt_key = leaders.palette_prompt_key and votes.attribute_key = leaders.attribute_key
    left join votes as own
        on
            votes.palette_prompt_key = own.palette_prompt_key
            and votes.model_key = own.model_key
            and leaders.canonical_tag_key = own.canonical_tag_key

),

winners as (

    select * exclude (is_winner)
    from voters
    where is_winner
    union all
    select
        voters.palette_prompt_key,
        voters.attribute_key,
        voters.model_key,
        tags.canonical_tag_key
    from voters
    inner join {{ ref('int_tag_strengths') }} as tags
        on voters.palette_prompt_key = tags.palette_prompt_key and voters.attribute_key = tags.attribute_key
    inner join {{ ref('int_canonical_tags') }} as canonical_tags
        on tags.canonical_tag_key = canonical_tags.canonical_tag_key
    left join votes as own
        on
            voters.palette_prompt_key = own.palette_prompt_key
            and voters.model_key = own.model_key
            and tags.canonical_tag_key = own.canonical_tag_key
    where not voters.is_winner and tags.strength > coalesce(own.strength, 0)
    qualify row_number() over (
        partition by voters.palette_prompt_key, voters.attribute_key, voters.model_key
        order by tags.score - coalesce(own.strength, 0) desc nulls last, canonical_tags.name_order asc nulls last
    ) = 1

)

select
    votes.attribute_key,
    votes.model_key,
    votes.canonical_tag_key,
    winners.canonical_tag_key as others_canonical_tag_key,
    cast({{ exact_sum('votes.voter_share') }} as decimal(18, 6)) as items
from votes
inner join winners
    on
        votes.palette_prompt_key = winners.palette_prompt_key
        and votes.attribute_key = winners.attribute_key
        and votes.model_key = winners.model_key
group by all
