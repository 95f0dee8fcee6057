with

totals as (

    select
        canonical_tag_key,
        cast(sum(result_count) as bigint) as result_count
    from {{ ref('int_canonical_counts') }}
    group by all

),

open_tags as (

    select distinct
        texts.canonical_tag_key,
        texts.attribute,
        texts.tag
    from {{ ref('int_tag_texts') }} as texts
    inner join {{ ref('int_text_totals') }} as still_said
        on texts.text_key = still_said.text_key
    where texts.text_class = 'open' and still_said.counted_count > 0

),

spelt as (

    select
        open_tags.attribute,
        open_tags.tag,
        totals.result_count,
        regexp_replace(strip_accents(open_tags.tag), '[^\p{L}\p{N}]', '', 'g') as letters
    from open_tags
    inner join totals
        on open_tags.canonical_tag_key = totals.canonical_tag_key

)

select
    attribute,
    tag,
    result_count,
    letters,
    case
        when regexp_matches(letters, '[a-z]{2}ies$') then left(letters, -3) || 'y'
        when regexp_matches(letters, '[a-z](ch|sh|ss|x|zz)es$') then left(letters, -2)
        when regexp_matches(letters, '[a-z]{2}[^sui]s$') then left(letters, -1)
        else letters
    end as singular
from spelt
where letters <> ''
