with

spellings as (

    select * from {{ ref('int_tag_spellings') }}

),

typos as (

    select * from {{ ref('int_tag_typos') }}

),

most_said as (

    select
        *,
        first_value(struct_pack(tag, letters, answer_count)) over (
            partition by attribute, singular
            order by answer_count desc nulls last, length(tag) asc nulls last, tag asc nulls last
        ) as suggested
    from spellings

),

in_blocks as (

    select
        attribute,
        tag,
        answer_count,
        suggested.tag as suggested_tag,
        suggested.answer_count as suggested_answer_count,
        if(letters = suggested.letters, 'spelling', 'plural') as reason
    from most_said
    where tag <> suggested.tag

),

by_letter as (

    select
        typos.attribute,
        typos.tag,
        spellings.answer_count,
        typos.suggested_tag,
        typos.suggested_answer_count,
        'typo' as reason
    from typos
    inner join spellings
        on typos.attribute = spellings.attribute and typos.tag = spellings.tag
    anti join in_blocks
        on typos.attribute = in_blocks.attribute and typos.tag = in_blocks.tag

)

select * from in_blocks
union all
select * from by_letter
