with

counts as (

    select
        palette_key,
        attribute_key,
        {{ what_ranks_agree_on() }}
    from {{ ref('int_palette_counts') }}
    group by all

),

palettes as (

    select * from {{ ref('int_palettes') }}

),

attributes as (

    select * from {{ ref('int_attributes') }}

),

canonical_tags as (

    select * from {{ ref('int_canonical_tags') }}

),

shares as (

    select
        palettes.palette_seed,
        canonical_tags.attribute,
        palettes.prompt_version_count,
        canonical_tags.canonical_tag as winner,
        counts.winner_answer_count,
        palettes.success_count as answer_total,
        counts.winner_answer_count / palettes.success_count as share,
        palettes.model_total,
        {{ mean_model_share('counts.vote_parts', 'palettes.model_total') }} as mean_model_share,
        (counts.winner_answer_count - counts.runner_up_answer_count) / palettes.success_count as margin,
        {{ normalised_entropy('counts.entropy', 'attributes.allowed_tag_count') }} as entropy,
        {{ effective_tags('counts.entropy') }} as effective_tags,
        counts.winner_answer_count = counts.runner_up_answer_count as is_tie,
        counts.tag_count
    from counts
    inner join palettes
        on counts.palette_key = palettes.palette_key
    inner join attributes
        on counts.attribute_key = attributes.attribute_key
    inner join canonical_tags
        on counts.winner_key = canonical_tags.canonical_tag_key

)

select
    *,
    {{ wilson_lower_bound('(mean_model_share * model_total)', 'model_total') }} as share_lower_bound
from shares
