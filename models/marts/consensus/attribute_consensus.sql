with

counts as (

    select * from {{ ref('int_attribute_winners') }}

),

palette_prompts as (

    select * from {{ ref('int_palette_prompts') }}

),

voters as (

    select * from {{ ref('int_voters') }}

),

attributes as (

    select * from {{ ref('int_attributes') }}

),

canonical_tags as (

    select * from {{ ref('int_canonical_tags') }}

),

shares as (

    select
        palette_prompts.palette_seed,
        palette_prompts.prompt_version,
        canonical_tags.attribute,
        canonical_tags.canonical_tag as winner,
        cast(counts.winner_answer_count as bigint) as winner_answer_count,
        palette_prompts.success_count as answer_total,
        counts.winner_answer_count / palette_prompts.success_count as share,
        voters.model_total,
        {{ mean_model_share('counts.vote_parts', 'voters.model_total') }} as mean_model_share,
        (counts.winner_answer_count - counts.runner_up_answer_count) / palette_prompts.success_count as margin,
        {{ normalised_entropy('counts.entropy', 'attributes.allowed_tag_count') }} as entropy,
        {{ effective_tags('counts.entropy') }} as effective_tags,
        counts.winner_answer_count = counts.runner_up_answer_count as is_tie,
        counts.tag_count
    from counts
    inner join palette_prompts
        on counts.palette_prompt_key = palette_prompts.palette_prompt_key
    inner join voters
        on counts.palette_prompt_key = voters.palette_prompt_key and counts.attribute_key = voters.attribute_key
    inner join attributes
        on counts.attribute_key = attributes.attribute_key
    inner join canonical_tags
        on counts.winner_key = canonical_tags.canonical_tag_key

)

select
    *,
    {{ wilson_lower_bound('(mean_model_share * model_total)', 'model_total') }} as share_lower_bound
from shares
