with

groups as (

    select * from {{ ref('int_group_agreement') }}

),

tags as (

    select * from {{ ref('int_prompt_version_tags') }}
    where compared_count > 0

),

squares as (

    select
        prompt_version,
        attribute_key,
        sum(cast(compared_count as hugeint) * compared_count) as squared_count
    from tags
    group by all

),

observed as (

    select
        prompt_version,
        attribute_key,
        count(*) as palette_count,
        sum(answer_count) as answer_count,
        sum(said_count) as said_count,
        {{ exact_sum(disagreement('answer_count', 'said_count', 'squared_count')) }} as disagreement
    from groups
    group by all

)

select
    observed.prompt_version,
    observed.attribute_key,
    observed.palette_count,
    round(
        1 - observed.disagreement / nullif(
            {{ disagreement('observed.answer_count', 'observed.said_count', 'squares.squared_count') }}, 0
        ), 12
    ) + 0.0 as krippendorff_alpha
from observed
inner join squares
    on observed.prompt_version = squares.prompt_version and observed.attribute_key = squares.attribute_key
