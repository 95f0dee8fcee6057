with

palettes as (

    select * from {{ ref('int_voters') }}
    where voter_count >= 2

),

tags as (

    select * from {{ ref('int_prompt_version_tags') }}
    where compared_count > 0

),

squares as (

    select
        prompt_version,
        attribute_key,
        cast(sum(compared_count * compared_count) as bigint) as squared_count
    from tags
    group by all

),

observed as (

    select
        prompt_version,
        attribute_key,
        count(*) as palette_count,
        cast(sum(voter_count) as bigint) as voter_count,
        cast(sum(said_count) as bigint) as said_count,
        {{ exact_sum(disagreement('voter_count', 'said_count', 'squared_count')) }} as disagreement
    from palettes
    group by all

)

select
    observed.*,
    squares.squared_count,
    round(
        1 - observed.disagreement / nullif(
            {{ disagreement('observed.voter_count', 'observed.said_count', 'squares.squared_count') }}, 0
        ), 12
    ) + 0.0 as krippendorff_alpha
from observed
left join squares
    on observed.prompt_version = squares.prompt_version and observed.attribute_key = squares.attribute_key
