with

votes as (

    select * from {{ ref('int_vote_contingency') }}

),

totals as (

    select
        prompt_version,
        model_key,
        attribute_key,
        sum(vote_count) as vote_count,
        coalesce(sum(vote_count) filter (where canonical_tag_key = others_canonical_tag_key), 0) as agreeing_count
    from votes
    group by all

),

by_own_tag as (

    select
        prompt_version,
        model_key,
        canonical_tag_key,
        sum(vote_count) as vote_count
    from votes
    group by all

),

by_others_tag as (

    select
        prompt_version,
        model_key,
        attribute_key,
        others_canonical_tag_key,
        sum(vote_count) as vote_count
    from votes
    group by all

),

by_chance as (

    select
        by_others_tag.prompt_version,
        by_others_tag.model_key,
        by_others_tag.attribute_key,
        sum(by_others_tag.vote_count * by_own_tag.vote_count) as product
    from by_others_tag
    inner join by_own_tag
        on
            by_others_tag.prompt_version is not distinct from by_own_tag.prompt_version
            and by_others_tag.model_key = by_own_tag.model_key
            and by_others_tag.others_canonical_tag_key = by_own_tag.canonical_tag_key
    group by all

)

select
    totals.prompt_version,
    totals.model_key,
    totals.attribute_key,
    cast(totals.vote_count as bigint) as compared_vote_count,
    totals.agreeing_count / totals.vote_count as agreement,
    {{ beyond_chance(
        'totals.agreeing_count / totals.vote_count',
        'coalesce(by_chance.product, 0) / (totals.vote_count * totals.vote_count)'
    ) }} as cohens_kappa
from totals
left join by_chance
    on
        totals.prompt_version is not distinct from by_chance.prompt_version
        and totals.model_key = by_chance.model_key
        and totals.attribute_key = by_chance.attribute_key
