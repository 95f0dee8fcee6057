-- Suggested lines for seeds/synonyms.csv, in its columns, most said first. A person reads each before it goes in:
--     .venv/bin/dbt --quiet compile --select suggested_synonyms
--     .venv/bin/duckdb -readonly -csv -noheader data/build.duckdb \
--         < target/compiled/palette_analytics/analyses/suggested_synonyms.sql
-- A tag that a closed vocabulary doesn't know gets the allowed tag that is written almost alike, or else the one that
-- the other answers give much more often on its palettes, if those are three or more. A tag of an open one gets its
-- usual spelling.
-- Left out is what an editor doesn't show: control characters and invisible marks.
with

closed as (

    select
        attribute,
        tag,
        answer_count,
        case
            when nearest_similarity >= 0.9 or nearest_distance <= 1 then nearest_tag
            when palette_count >= 3 and likely_gain >= 0.2 then likely_tag
        end as canonical_tag,
        case
            when nearest_similarity >= 0.9 or nearest_distance <= 1 then 'suggested: written almost alike'
            else format('suggested: {:.0f} % of the answers on its palettes say so', 100 * likely_share)
        end as note
    from {{ ref('unmapped_tags') }}

),

usual as (

    select
        attribute,
        tag,
        answer_count,
        suggested_tag as canonical_tag,
        'suggested: ' || reason as note
    from {{ ref('similar_tags') }}

),

-- A synonym leads to no tag that is a synonym itself, and takes nothing from one that others lead to.
chains as (

    select
        usual.attribute,
        usual.tag
    from usual
    where
        exists (
            select 1 from usual as further
            where further.attribute = usual.attribute and further.tag = usual.canonical_tag
        )
        or exists (
            select 1 from {{ ref('synonyms') }} as synonyms
            where synonyms.attribute = usual.attribute and synonyms.canonical_tag = usual.tag
        )

),

suggestions as (

    select * from closed
    where canonical_tag is not null
    union all
    select usual.* from usual
    anti join chains
        on usual.attribute = chains.attribute and usual.tag = chains.tag

)

select
    attribute,
    tag,
    canonical_tag,
    note
from suggestions
where not regexp_matches(tag || canonical_tag, '\p{C}')
order by answer_count desc nulls last, attribute asc nulls last, tag asc nulls last
