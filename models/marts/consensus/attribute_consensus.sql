with

counts as (

    select * from {{ ref('int_attribute_counts') }}

),

palette_versions as (

    select * from {{ ref('int_palette_versions') }}

),

canonical_tags as (

    select * from {{ ref('int_canonical_tags') }}

)

select
    palette_versions.palette_seed,
    palette_versions.prompt_version,
    canonical_tags.attribute,
    canonical_tags.canonical_tag as winner,
    cast(counts.votes as bigint) as votes,
    palette_versions.success_count as total,
    counts.votes / palette_versions.success_count as share,
    {{ wilson_lower_bound('counts.votes', 'palette_versions.success_count') }} as share_lower_bound,
    (counts.votes - counts.runner_up_votes) / palette_versions.success_count as margin,
    counts.entropy,
    counts.votes = counts.runner_up_votes as is_tie,
    counts.tag_count
from counts
inner join palette_versions
    on counts.group_key = palette_versions.group_key
inner join canonical_tags
    on counts.winner_key = canonical_tags.canonical_tag_key
