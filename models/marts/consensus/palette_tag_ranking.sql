with

counts as (

    select * from {{ ref('int_palette_counts') }}

),

canonical_tags as (

    select * from {{ ref('int_canonical_tags') }}

),

palettes as (

    select * from {{ ref('int_palettes') }}

),

shares as (

    select
        palettes.palette_seed,
        canonical_tags.attribute,
        canonical_tags.canonical_tag,
        counts.answer_count,
        counts.prompt_version_count,
        palettes.success_count as answer_total,
        counts.answer_count / palettes.success_count as share,
        palettes.model_total,
        {{ mean_model_share('counts.vote_parts', 'palettes.model_total') }} as mean_model_share,
        counts.rank
    from counts
    inner join palettes
        on counts.palette_key = palettes.palette_key
    inner join canonical_tags
        on counts.canonical_tag_key = canonical_tags.canonical_tag_key

)

select
    * exclude (rank),
    {{ wilson_lower_bound('(mean_model_share * model_total)', 'model_total') }} as share_lower_bound,
    rank
from shares
