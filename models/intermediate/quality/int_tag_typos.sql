with

spellings as (

    select * from {{ ref('int_tag_spellings') }}
    where length(letters) between 6 and 40

),

variants as (

    select
        attribute,
        tag,
        letters,
        answer_count,
        letters as variant
    from spellings
    union all
    select
        attribute,
        tag,
        letters,
        answer_count,
        unnest([left(letters, i - 1) || substr(letters, i + 1) for i in range(1, length(letters) + 1)]) as variant
    from spellings

),

pairs as (

    select distinct
        rare.attribute,
        rare.tag,
        often.tag as suggested_tag,
        often.answer_count as suggested_answer_count
    from variants as rare
    inner join variants as often
        on
            rare.attribute = often.attribute
            and rare.variant = often.variant
            and rare.answer_count * 10 <= often.answer_count
            -- Follows from the last, and spares what one answer full of tags alike would cost: each beside each.
            and often.answer_count >= 10
    where damerau_levenshtein(rare.letters, often.letters) = 1

)

select *
from pairs
qualify
    row_number() over (
        partition by attribute, tag
        order by
            suggested_answer_count desc nulls last,
            length(suggested_tag) asc nulls last,
            suggested_tag asc nulls last
    ) = 1
