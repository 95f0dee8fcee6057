with

totals as (

    select
        canonical_tag_key,
        cast(sum(answer_count) as bigint) as answer_count
    from {{ ref('int_canonical_counts') }}
    group by all

),

still_said as (

    select * from {{ ref('int_model_prompt_tags') }}
    where counted_count > 0

),

open_tags as (

    select tags.*
    from {{ ref('int_tags') }} as tags
    semi join still_said
        on tags.tag_key = still_said.tag_key
    where tags.tag_class = 'open'

),

spelt as (

    select
        open_tags.attribute,
        open_tags.tag,
        totals.answer_count,
        regexp_replace(strip_accents(open_tags.tag), '[^\p{L}\p{N}]', '', 'g') as letters
    from open_tags
    inner join totals
        on open_tags.canonical_tag_key = totals.canonical_tag_key

)

select
    attribute,
    tag,
    answer_count,
    letters,
    case
        when regexp_matches(letters, '[a-z]{2}ies$') then left(letters, -3) || 'y'
        when regexp_matches(letters, '[a-z](ch|sh|ss|x|zz)es$') then left(letters, -2)
        when regexp_matches(letters, '[a-z]{2}[^sui]s$') then left(letters, -1)
        else letters
    end as singular
from spelt
where letters <> ''
