with

confusion as (

    select * from {{ ref('model_confusion') }}

),

votes_by_tag as (

    select
        attribute,
        model,
        count(distinct true_tag) over (partition by attribute) as tag_count,
        true_tag = said_tag as is_right,
        expected_votes
    from confusion

),

summed as (

    select
        attribute,
        model,
        tag_count,
        cast(round(sum(cast(expected_votes as decimal(18, 6)))) as bigint) as vote_count,
        sum(cast(expected_votes as decimal(18, 6))) filter (where is_right) as expected_right_votes
    from votes_by_tag
    group by all

),

rated as (

    select
        *,
        (expected_right_votes + 1) / (vote_count + tag_count) as smoothed_accuracy
    from summed

)

select
    attribute,
    model,
    vote_count,
    round(expected_right_votes / vote_count, 6) as accuracy,
    case
        when tag_count > 1 then round(ln(smoothed_accuracy * (tag_count - 1) / (1 - smoothed_accuracy)), 6) + 0.0
    end as weight
from rated
