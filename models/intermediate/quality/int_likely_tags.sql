with

palette_prompts as (

    select * from {{ ref('int_palette_prompts') }}

),

allowed_tags as (

    select * from {{ ref('int_canonical_tags') }}
    where is_allowed

),

baseline as (

    select
        canonical_tag_key,
        sum(answer_count) / (select sum(success_count) from palette_prompts) as share
    from {{ ref('int_prompt_version_tags') }}
    group by all

),

unmapped_counts as (

    select counts.*
    from {{ ref('int_canonical_counts') }} as counts
    semi join {{ ref('int_unmapped_tags') }} as unmapped
        on counts.canonical_tag_key = unmapped.canonical_tag_key

),

answers as (

    select
        unmapped_counts.canonical_tag_key,
        sum(palette_prompts.success_count) as answer_count
    from unmapped_counts
    inner join palette_prompts
        on unmapped_counts.palette_prompt_key = palette_prompts.palette_prompt_key
    group by all

),

cooccurring as (

    select
        unmapped_counts.canonical_tag_key,
        counts.canonical_tag_key as allowed_tag_key,
        sum(counts.answer_count) as answer_count
    from {{ ref('int_canonical_counts') }} as counts
    semi join allowed_tags
        on counts.canonical_tag_key = allowed_tags.canonical_tag_key
    inner join unmapped_counts
        on
            counts.palette_prompt_key = unmapped_counts.palette_prompt_key
            and counts.attribute_key = unmapped_counts.attribute_key
    group by all

)

select
    cooccurring.canonical_tag_key,
    allowed_tags.canonical_tag as likely_tag,
    cooccurring.answer_count / answers.answer_count as likely_share,
    likely_share - baseline.share as likely_gain
from cooccurring
inner join answers
    on cooccurring.canonical_tag_key = answers.canonical_tag_key
inner join baseline
    on cooccurring.allowed_tag_key = baseline.canonical_tag_key
inner join allowed_tags
    on cooccurring.allowed_tag_key = allowed_tags.canonical_tag_key
qualify
    row_number() over (
        partition by cooccurring.canonical_tag_key order by likely_gain desc nulls last, likely_tag asc nulls last
    ) = 1
