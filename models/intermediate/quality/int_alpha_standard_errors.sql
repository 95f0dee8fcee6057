with

observed as (

    select * from {{ ref('int_prompt_version_agreement') }}
    where palette_count >= {{ least_compared_palettes() }}

),

palettes as (

    select * from {{ ref('int_voters') }}
    where voter_count >= 2

),

-- What the sum of the tags' squared counts loses with a palette depends on how often its tags are said of all.
products as (

    select
        palettes.palette_prompt_key,
        palettes.attribute_key,
        cast(sum(bit_count(counts.first_model_set) * tags.compared_count) as bigint) as product
    from palettes
    inner join {{ ref('int_canonical_counts') }} as counts
        on palettes.palette_prompt_key = counts.palette_prompt_key and palettes.attribute_key = counts.attribute_key
    inner join {{ ref('int_prompt_version_tags') }} as tags
        on
            palettes.prompt_version = tags.prompt_version
            and counts.canonical_tag_key = tags.canonical_tag_key
    where counts.is_published and counts.first_model_set is not null
    group by all

),

without_a_palette as (

    select
        palettes.prompt_version,
        palettes.attribute_key,
        1 - (
            observed.disagreement
            - {{ disagreement('palettes.voter_count', 'palettes.said_count', 'palettes.squared_count') }}
        ) / nullif({{ disagreement(
            '(observed.voter_count - palettes.voter_count)',
            '(observed.said_count - palettes.said_count)',
            '(observed.squared_count - 2 * coalesce(products.product, 0) + palettes.squared_count)'
        ) }}, 0) as alpha
    from palettes
    inner join observed
        on palettes.prompt_version = observed.prompt_version and palettes.attribute_key = observed.attribute_key
    left join products
        on
            palettes.palette_prompt_key = products.palette_prompt_key
            and palettes.attribute_key = products.attribute_key

)

-- The jackknife's standard error.
select
    prompt_version,
    attribute_key,
    sqrt(
        (1 - 1 / count(*))
        * {{ squared_deviations(exact_sum('alpha * alpha'), exact_sum('alpha'), 'count(*)') }}
    ) as alpha_error
from without_a_palette
group by all
having count(alpha) = count(*)
