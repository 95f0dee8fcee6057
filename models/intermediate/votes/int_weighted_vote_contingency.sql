with

voters as (

    select * from {{ ref('int_votes_with_winner') }}

),

-- Most models can't have decided who wins. Only for those that may have is it looked up who would win without them.
decisive as (

    select * from voters
    where is_perhaps_decisive

),

deciders as (

    select distinct
        palette_prompt_key,
        attribute_key,
        model_key
    from decisive

),

without_them as (

    select
        tags.palette_prompt_key,
        tags.attribute_key,
        deciders.model_key,
        tags.canonical_tag_key,
        row_number() over (
            partition by tags.palette_prompt_key, tags.attribute_key, deciders.model_key
            order by
                tags.score - coalesce(decisive.strength, 0) desc nulls last,
                canonical_tags.name_order asc nulls last
        ) as place
    from deciders
    inner join {{ ref('int_tag_strengths') }} as tags
        on deciders.palette_prompt_key = tags.palette_prompt_key and deciders.attribute_key = tags.attribute_key
    inner join {{ ref('int_canonical_tags') }} as canonical_tags
        on tags.canonical_tag_key = canonical_tags.canonical_tag_key
    left join decisive
        on
            deciders.palette_prompt_key = decisive.palette_prompt_key
            and deciders.attribute_key = decisive.attribute_key
            and deciders.model_key = decisive.model_key
            and tags.canonical_tag_key = decisive.canonical_tag_key
    where tags.strength > coalesce(decisive.strength, 0)

),

compared as (

    select
        voters.attribute_key,
        voters.model_key,
        voters.canonical_tag_key,
        coalesce(without_them.canonical_tag_key, voters.winner_key) as others_canonical_tag_key,
        voters.voter_share
    from voters
    left join without_them
        on
            voters.palette_prompt_key = without_them.palette_prompt_key
            and voters.attribute_key = without_them.attribute_key
            and voters.model_key = without_them.model_key
            and without_them.place = 1

)

select
    attribute_key,
    model_key,
    canonical_tag_key,
    others_canonical_tag_key,
    cast({{ exact_sum('voter_share') }} as decimal(18, 6)) as items
from compared
group by all
