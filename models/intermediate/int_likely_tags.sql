with

unmapped as (

    select * from {{ ref('int_unmapped_tags') }}

),

palette_versions as (

    select * from {{ ref('int_palette_versions') }}

),

allowed_counts as (

    select
        counts.group_key,
        counts.attribute_key,
        counts.result_count,
        canonical_tags.canonical_tag as allowed_tag
    from {{ ref('int_canonical_counts') }} as counts
    inner join {{ ref('int_canonical_tags') }} as canonical_tags
        on counts.canonical_tag_key = canonical_tags.canonical_tag_key
    inner join {{ ref('vocabulary') }} as vocabulary
        on canonical_tags.attribute = vocabulary.attribute and canonical_tags.canonical_tag = vocabulary.tag

),

everywhere as (

    select
        attribute_key,
        allowed_tag,
        sum(result_count) / (select sum(success_count) from palette_versions) as share
    from allowed_counts
    group by all

),

said_of as (

    select
        unmapped.canonical_tag_key,
        unmapped.attribute_key,
        counts.group_key,
        sum(palette_versions.success_count) over (partition by unmapped.canonical_tag_key) as answer_count
    from {{ ref('int_canonical_counts') }} as counts
    inner join unmapped
        on counts.canonical_tag_key = unmapped.canonical_tag_key
    inner join palette_versions
        on counts.group_key = palette_versions.group_key

),

there as (

    select
        said_of.canonical_tag_key,
        said_of.attribute_key,
        allowed_counts.allowed_tag,
        sum(allowed_counts.result_count) / min(said_of.answer_count) as share
    from said_of
    inner join allowed_counts
        on said_of.group_key = allowed_counts.group_key and said_of.attribute_key = allowed_counts.attribute_key
    group by all

)

select
    there.canonical_tag_key,
    there.allowed_tag as likely_tag,
    there.share as likely_share,
    there.share - everywhere.share as likely_gain
from there
inner join everywhere
    on there.attribute_key = everywhere.attribute_key and there.allowed_tag = everywhere.allowed_tag
qualify row_number() over (partition by there.canonical_tag_key order by likely_gain desc, likely_tag asc) = 1
