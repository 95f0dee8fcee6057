with

error_rates as (

    select * from {{ ref('int_model_error_rates') }}

),

models as (

    select * from {{ ref('int_models') }}

),

canonical_tags as (

    select * from {{ ref('int_canonical_tags') }}

),

priors as (

    select
        true_tag_key,
        error_rate as prior
    from error_rates
    where model_key is null

)

select
    true_tags.attribute,
    models.model,
    true_tags.canonical_tag as true_tag,
    said_tags.canonical_tag as said_tag,
    error_rates.expected_votes,
    error_rates.error_rate,
    priors.prior
from error_rates
inner join priors
    on error_rates.true_tag_key = priors.true_tag_key
inner join models
    on error_rates.model_key = models.model_key
inner join canonical_tags as true_tags
    on error_rates.true_tag_key = true_tags.canonical_tag_key
inner join canonical_tags as said_tags
    on error_rates.said_tag_key = said_tags.canonical_tag_key
