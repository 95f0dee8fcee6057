with

palette_prompts as (

    select * from {{ ref('int_palette_prompts') }}

),

allowed_tags as (

    select * from {{ ref('int_canonical_tags') }}
    where is_allowed

),

everywhere as (

    select
        canonical_tag_key,
        sum(result_count) / (select sum(success_count) from palette_prompts) as share
    from {{ ref('int_prompt_version_tags') }}
    group by all

),

said_of as (

    select counts.*
    from {{ ref('int_canonical_counts') }} as counts
    semi join {{ ref('int_unmapped_tags') }} as unmapped
        on counts.canonical_tag_key = unmapped.canonical_tag_key

),

answers as (

    select
        said_of.canonical_tag_key,
        sum(palette_prompts.success_count) as answer_count
    from said_of
    inner join palette_prompts
        on said_of.palette_prompt_key = palette_prompts.palette_prompt_key
    group by all

),

there as (

    select
        said_of.canonical_tag_key,
        beside.canonical_tag_key as allowed_tag_key,
        sum(beside.result_count) as result_count
    from {{ ref('int_canonical_counts') }} as beside
    semi join allowed_tags
        on beside.canonical_tag_key = allowed_tags.canonical_tag_key
    inner join said_of
        on beside.palette_prompt_key = said_of.palette_prompt_key and beside.attribute_key = said_of.attribute_key
    group by all

)

select
    there.canonical_tag_key,
    allowed_tags.canonical_tag as likely_tag,
    there.result_count / answers.answer_count as likely_share,
    likely_share - everywhere.share as likely_gain
from there
inner join answers
    on there.canonical_tag_key = answers.canonical_tag_key
inner join everywhere
    on there.allowed_tag_key = everywhere.canonical_tag_key
inner join allowed_tags
    on there.allowed_tag_key = allowed_tags.canonical_tag_key
qualify
    row_number() over (
        partition by there.canonical_tag_key order by likely_gain desc nulls last, likely_tag asc nulls last
    ) = 1
