with

texts as (

    select * from {{ ref('int_tag_texts') }}

),

unmapped_values as (

    select * from {{ ref('int_unmapped_values') }}

),

results as (

    select * from {{ ref('int_tag_results') }}

)

select
    texts.attribute_key,
    texts.canonical_tag_key,
    texts.attribute,
    texts.tag,
    list_slice(
        list(distinct results.palette_seed order by results.palette_seed asc nulls last), 1, 5
    ) as example_palettes,
    coalesce(
        list(distinct results.model order by results.model asc nulls last) filter (where results.model is not null), []
    ) as models,
    min(results.created_at) as first_said_at,
    max(results.created_at) as last_said_at
from unmapped_values
inner join texts
    on unmapped_values.text_key = texts.text_key
inner join results
    on unmapped_values.result_key = results.result_key
group by all
