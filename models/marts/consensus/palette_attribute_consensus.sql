with

counts as (

    select * from {{ ref('int_palette_counts') }}

),

canonical_tags as (

    select * from {{ ref('int_canonical_tags') }}

),

palettes as (

    select
        palette_key,
        palette_seed,
        cast(sum(success_count) as bigint) as success_count,
        count(*) filter (where success_count > 0) as prompt_version_count
    from {{ ref('int_palette_versions') }}
    group by all

),

summed as (

    select
        palette_key,
        min(canonical_tag_key) filter (where rank = 1) as winner_key,
        max(result_count) filter (where rank = 1) as votes,
        coalesce(max(result_count) filter (where rank = 2), 0) as runner_up_votes,
        count(*) as tag_count,
        {{ normalised_entropy('result_count') }} as entropy
    from counts
    group by palette_key, attribute_key

)

select
    palettes.palette_seed,
    winners.attribute,
    palettes.prompt_version_count,
    winners.canonical_tag as winner,
    summed.votes,
    palettes.success_count as total,
    summed.votes / palettes.success_count as share,
    {{ wilson_lower_bound('summed.votes', 'palettes.success_count') }} as share_lower_bound,
    (summed.votes - summed.runner_up_votes) / palettes.success_count as margin,
    summed.entropy,
    summed.votes = summed.runner_up_votes as is_tie,
    summed.tag_count
from summed
inner join palettes
    on summed.palette_key = palettes.palette_key
inner join canonical_tags as winners
    on summed.winner_key = winners.canonical_tag_key
