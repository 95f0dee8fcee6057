with

groups as (

    select * from {{ ref('int_group_agreement') }}

),

counts as (

    select * from {{ ref('int_canonical_counts') }}
    where is_published

),

tags as (

    select
        groups.prompt_version,
        groups.attribute_key,
        counts.canonical_tag_key,
        sum(counts.result_count) as said_count
    from counts
    inner join groups
        on counts.group_key = groups.group_key and counts.attribute_key = groups.attribute_key
    group by all

),

squares as (

    select
        prompt_version,
        attribute_key,
        sum(said_count * said_count) as squared_count
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
        sum({{ disagreement('answer_count', 'said_count', 'squared_count') }}) as disagreement
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
