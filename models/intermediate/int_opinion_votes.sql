with

said as (

    select
        opinion_key,
        unnest([vote.canonical_tag_key for vote in votes]) as canonical_tag_key,
        unnest([vote.vote_count for vote in votes]) as vote_count
    from {{ ref('int_panel_opinions') }}

)

select
    opinion_key,
    canonical_tag_key,
    cast(sum(vote_count) as integer) as vote_count
from said
group by all
