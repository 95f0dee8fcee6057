with

frequencies as (

    select * from {{ ref('canonical_tag_frequencies') }}
    where is_published

),

palette_versions as (

    select * from {{ ref('int_palette_versions') }}

),

summed as (

    select
        palette_seed,
        prompt_version,
        attribute,
        min(canonical_tag) filter (where rank = 1) as winner,
        max(result_count) filter (where rank = 1) as votes,
        coalesce(max(result_count) filter (where rank = 2), 0) as runner_up_votes,
        count(*) as tag_count,
        ln(sum(result_count)) - sum(result_count * ln(result_count)) / sum(result_count) as entropy_in_nats
    from frequencies
    group by all

)

select
    summed.palette_seed,
    summed.prompt_version,
    summed.attribute,
    summed.winner,
    summed.votes,
    palette_versions.success_count as total,
    summed.votes / palette_versions.success_count as share,
    (summed.votes - summed.runner_up_votes) / palette_versions.success_count as margin,
    if(summed.tag_count = 1, 0.0, round(summed.entropy_in_nats / ln(summed.tag_count), 12)) as entropy,
    summed.votes = summed.runner_up_votes as is_tie,
    summed.tag_count
from summed
inner join palette_versions
    on summed.palette_seed = palette_versions.palette_seed and summed.prompt_version = palette_versions.prompt_version
