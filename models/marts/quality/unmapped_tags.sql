with

texts as (

    select * from {{ ref('int_tag_texts') }}
    where text_class = 'unmapped'

),

totals as (

    select * from {{ ref('tag_totals') }}
    where prompt_version is null and tag_class = 'unmapped'

),

said as (

    select
        texts.attribute,
        texts.tag,
        results.palette_seed,
        results.model
    from {{ ref('int_tag_values') }} as tag_values
    inner join texts
        on tag_values.text_key = texts.text_key
    inner join {{ ref('int_tag_results') }} as results
        on tag_values.result_key = results.result_key
    where tag_values.is_counted

),

examples as (

    select
        attribute,
        tag,
        list_slice(list(distinct palette_seed order by palette_seed), 1, 5) as example_palettes,
        list(distinct model order by model) filter (where model is not null) as models
    from said
    group by all

)

select
    totals.attribute,
    totals.tag,
    totals.occurrences,
    totals.result_count,
    totals.model_count,
    totals.palette_count,
    examples.example_palettes,
    coalesce(examples.models, []) as models
from totals
inner join examples
    on totals.attribute = examples.attribute and totals.tag = examples.tag
