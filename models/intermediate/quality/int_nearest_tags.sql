with

unmapped as (

    select * from {{ ref('int_unmapped_tags') }}

),

vocabulary as (

    select * from {{ ref('vocabulary') }}

),

compared as (

    select
        unmapped.canonical_tag_key,
        vocabulary.tag as allowed_tag,
        levenshtein(unmapped.tag, vocabulary.tag) as distance,
        jaro_winkler_similarity(unmapped.tag, vocabulary.tag) as similarity
    from unmapped
    inner join vocabulary
        on unmapped.attribute = vocabulary.attribute

),

nearest as (

    select
        canonical_tag_key,
        min(struct_pack(distance, dissimilarity := 1 - similarity, allowed_tag, similarity)) as best
    from compared
    where similarity > 0
    group by all

)

select
    canonical_tag_key,
    best.allowed_tag as nearest_tag,
    best.distance as nearest_distance,
    best.similarity as nearest_similarity
from nearest
