with

unmapped as (

    select * from {{ ref('int_unmapped_tags') }}

),

totals as (

    select * from {{ ref('tag_totals') }}
    where prompt_version is null and tag_class = 'unmapped'

),

nearest as (

    select * from {{ ref('int_nearest_tags') }}

),

likely as (

    select * from {{ ref('int_likely_tags') }}

)

select
    totals.attribute,
    totals.tag,
    totals.occurrences,
    totals.result_count,
    totals.model_count,
    totals.palette_count,
    unmapped.example_palettes,
    unmapped.models,
    unmapped.first_said_at,
    unmapped.last_said_at,
    nearest.nearest_tag,
    nearest.nearest_distance,
    nearest.nearest_similarity,
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
