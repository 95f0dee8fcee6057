with

unmapped as (

    select * from {{ ref('int_unmapped_tags') }}

),

totals as (

    select * from {{ ref('tag_totals') }}
    where prompt_version is null and tag_class = 'unmapped'

),

compared as (

    select
        unmapped.canonical_tag_key,
        vocabulary.tag as allowed_tag,
        levenshtein(unmapped.tag, vocabulary.tag) as distance,
        jaro_winkler_similarity(unmapped.tag, vocabulary.tag) as similarity
    from unmapped
    inner join {{ ref('vocabulary') }} as vocabulary
        on unmapped.attribute = vocabulary.attribute

),

nearest as (

    select
        canonical_tag_key,
        min(struct_pack(distance, dissimilarity := 1 - similarity, allowed_tag, similarity)) as best
    from compared
    where similarity > 0
    group by all

),

likely as (

    select * from {{ ref('int_likely_tags') }}

)

select
    totals.attribute,
    totals.tag,
    totals.occurrences,
    totals.answer_count,
    totals.model_count,
    totals.palette_count,
    unmapped.example_palettes,
    unmapped.models,
    unmapped.first_seen_at,
    unmapped.last_seen_at,
    nearest.best.allowed_tag as nearest_tag,
    nearest.best.distance as nearest_distance,
    nearest.best.similarity as nearest_similarity,
    likely.likely_tag,
    likely.likely_share,
    likely.likely_gain
from totals
inner join unmapped
    on totals.attribute = unmapped.attribute and totals.tag = unmapped.tag
left join nearest
    on unmapped.canonical_tag_key = nearest.canonical_tag_key
left join likely
    on unmapped.canonical_tag_key = likely.canonical_tag_key
