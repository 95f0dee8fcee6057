with

spellings as (

    select * from {{ ref('int_tag_spellings') }}

),

slips as (

    select * from {{ ref('int_tag_typos') }}

),

most_said as (

    select
        *,
        first_value(struct_pack(tag, letters, result_count)) over (
            partition by attribute, singular
            order by result_count desc nulls last, length(tag) asc nulls last, tag asc nulls last
        ) as suggested
    from spellings

),

in_blocks as (

    select
        attribute,
        tag,
        result_count,
        suggested.tag as suggested_tag,
        suggested.result_count as suggested_result_count,
        if(letters = suggested.letters, 'spelling', 'plural') as reason
    from most_said
    where tag <> suggested.tag

),

by_letter as (

    select
        slips.attribute,
        slips.tag,
        spellings.result_count,
        slips.suggested_tag,
        slips.suggested_result_count,
        'slip' as reason
    from slips
    inner join spellings
        on slips.attribute = spellings.attribute and slips.tag = spellings.tag
    anti join in_blocks
        on slips.attribute = in_blocks.attribute and slips.tag = in_blocks.tag

)

select * from in_blocks
union all
select * from by_letter
