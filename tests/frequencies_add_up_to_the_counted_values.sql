with

counted as (

    select
        attribute,
        count(*) as occurrences
    from {{ ref('tag_values') }}
    where is_counted
    group by all

),

frequencies as (

    select
        attribute,
        sum(occurrences) as occurrences
    from {{ ref('tag_frequencies') }}
    group by all

),

canonical_frequencies as (

    select
        attribute,
        sum(occurrences) as occurrences
    from {{ ref('canonical_tag_frequencies') }}
    group by all

),

totals as (

    select
        attribute,
        sum(occurrences) as occurrences
    from {{ ref('tag_totals') }}
    where prompt_version is null
    group by all

)

select
    counted.attribute,
    counted.occurrences as counted,
    frequencies.occurrences as frequencies,
    canonical_frequencies.occurrences as canonical_frequencies,
    totals.occurrences as totals
from counted
full join frequencies
    on counted.attribute = frequencies.attribute
full join canonical_frequencies
    on counted.attribute = canonical_frequencies.attribute
full join totals
    on counted.attribute = totals.attribute
where not coalesce(
    counted.occurrences = frequencies.occurrences
    and counted.occurrences = canonical_frequencies.occurrences
    and counted.occurrences = totals.occurrences,
    false
)
