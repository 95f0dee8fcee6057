with

weights as (

    select * from {{ ref('int_vote_weights') }}
    where model_key > 0

),

votes as (

    select
        attribute_key,
        model_key,
        cast(sum(vote_count) as bigint) as vote_count,
        count(distinct palette_prompt_key) as item_count
    from {{ ref('int_model_votes') }}
    group by all

),

compared as (

    select
        attribute_key,
        model_key,
        cast(round(sum(items)) as bigint) as compared_item_count,
        coalesce(sum(items) filter (where canonical_tag_key = others_canonical_tag_key), 0) as agreeing_items
    from {{ ref('int_weighted_vote_contingency') }}
    group by all

),

judged as (

    select * from compared
    where compared_item_count >= {{ least_compared_items() }}

)

select
    attributes.attribute,
    models.model,
    votes.vote_count,
    votes.item_count,
    round(weights.estimate, 2) as weight,
    coalesce(compared.compared_item_count, 0) as compared_item_count,
    round(judged.agreeing_items / judged.compared_item_count, 4) as agreement,
    {{ wilson_lower_bound('judged.agreeing_items', 'judged.compared_item_count') }} as agreement_lower_bound,
    {{ wilson_upper_bound('judged.agreeing_items', 'judged.compared_item_count') }} as agreement_upper_bound,
    weights.step_count,
    weights.last_change
from weights
inner join votes
    on weights.attribute_key = votes.attribute_key and weights.model_key = votes.model_key
inner join {{ ref('int_attributes') }} as attributes
    on weights.attribute_key = attributes.attribute_key
inner join {{ ref('int_models') }} as models
    on weights.model_key = models.model_key
left join compared
    on weights.attribute_key = compared.attribute_key and weights.model_key = compared.model_key
left join judged
    on weights.attribute_key = judged.attribute_key and weights.model_key = judged.model_key
