with

tags as (

    select * from {{ ref('int_tags') }}
    where tag_class = 'unmapped'

),

tag_values as (

    select
        answer_key,
        tag_key
    from {{ ref('int_tag_values') }}
    where is_counted

)

select
    tags.attribute_key,
    tags.canonical_tag_key,
    tags.attribute,
    tags.tag,
    list_slice(
        list(distinct answers.palette_seed order by answers.palette_seed asc nulls last), 1, 5
    ) as example_palettes,
    coalesce(
        list(distinct answers.model order by answers.model asc nulls last) filter (where answers.model is not null), []
    ) as models,
    min(answers.created_at) as first_seen_at,
    max(answers.created_at) as last_seen_at
from tag_values
inner join tags
    on tag_values.tag_key = tags.tag_key
inner join {{ ref('int_answers') }} as answers
    on tag_values.answer_key = answers.answer_key
group by all
