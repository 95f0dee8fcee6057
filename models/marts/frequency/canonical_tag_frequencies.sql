with

counts as (

    select * from {{ ref('int_canonical_counts') }}

),

palette_versions as (

    select * from {{ ref('int_palette_versions') }}

),

voters as (

    select * from {{ ref('int_group_voters') }}

),

canonical_tags as (

    select * from {{ ref('int_canonical_tags') }}

),

shares as (

    select
        palette_versions.palette_seed,
        palette_versions.prompt_version,
        canonical_tags.attribute,
        canonical_tags.canonical_tag,
        counts.is_published,
        cast(counts.occurrences as bigint) as occurrences,
        cast(counts.result_count as bigint) as result_count,
        cast(coalesce(bit_count(counts.model_set), 0) as bigint) as model_count,
        counts.result_count / palette_versions.success_count as share,
        voters.model_total,
        {{ mean_model_share('counts.vote_parts', 'voters.model_total') }} as mean_model_share,
        cast(counts.rank as bigint) as rank
    from counts
    inner join palette_versions
        on counts.group_key = palette_versions.group_key
    inner join voters
        on counts.group_key = voters.group_key and counts.attribute_key = voters.attribute_key
    inner join canonical_tags
        on counts.canonical_tag_key = canonical_tags.canonical_tag_key

)

select
    * exclude (rank),
    {{ wilson_lower_bound('(mean_model_share * model_total)', 'model_total') }} as share_lower_bound,
    rank
from shares
