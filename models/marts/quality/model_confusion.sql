with

votes as (

    select * from {{ ref('int_weighted_vote_contingency') }}

),

counted as (

    select
        *,
        sum(items) over (
            partition by attribute_key, model_key, others_canonical_tag_key
        ) as others_items
    from votes

)

select
    voted_tags.attribute,
    models.model,
    others_tags.canonical_tag as others_winner,
    voted_tags.canonical_tag as voted_tag,
    cast(round(counted.items, 2) as double) as items,
    round(counted.items / counted.others_items, 4) as share
from counted
inner join {{ ref('int_models') }} as models
    on counted.model_key = models.model_key
inner join {{ ref('int_canonical_tags') }} as others_tags
    on counted.others_canonical_tag_key = others_tags.canonical_tag_key
inner join {{ ref('int_canonical_tags') }} as voted_tags
    on counted.canonical_tag_key = voted_tags.canonical_tag_key
