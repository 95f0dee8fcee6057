with

counts as (

    select * from {{ ref('int_canonical_counts') }}

),

palette_prompts as (

    select * from {{ ref('int_palette_prompts') }}

),

voters as (

    select * from {{ ref('int_voters') }}

),

canonical_tags as (

    select * from {{ ref('int_canonical_tags') }}

),

shares as (

    select
        palette_prompts.palette_seed,
        palette_prompts.prompt_version,
        canonical_tags.attribute,
        canonical_tags.canonical_tag,
        counts.is_published,
        cast(counts.occurrences as bigint) as occurrences,
        cast(counts.answer_count as bigint) as answer_count,
        cast(coalesce(bit_count(counts.model_set), 0) as bigint) as model_count,
        counts.answer_count / palette_prompts.success_count as share,
        voters.model_total,
        {{ mean_model_share('counts.vote_parts', 'voters.model_total') }} as mean_model_share,
        cast(counts.rank as bigint) as rank
    from counts
    inner join palette_prompts
        on counts.palette_prompt_key = palette_prompts.palette_prompt_key
    inner join voters
        on counts.palette_prompt_key = voters.palette_prompt_key and counts.attribute_key = voters.attribute_key
    inner join canonical_tags
        on counts.canonical_tag_key = canonical_tags.canonical_tag_key

)

select
    * exclude (rank),
    {{ wilson_lower_bound('(mean_model_share * model_total)', 'model_total') }} as share_lower_bound,
    rank
from shares
