with

totals as (

    select * from {{ ref('int_text_totals') }}

),

judged as (

    select
        totals.*,
        texts.attribute_key,
        texts.text_class = 'not_text' as is_malformed,
        texts.is_countable,
        texts.text_class in ('allowed', 'open')
        or texts.text_class = 'mapped' and not attributes.is_closed as is_as_asked,
        texts.text_class in ('allowed', 'open', 'mapped') as is_usable
    from totals
    inner join {{ ref('int_tag_texts') }} as texts
        on totals.text_key = texts.text_key
    inner join {{ ref('int_attributes') }} as attributes
        on texts.attribute_key = attributes.attribute_key

)

select
    model_prompt_key,
    attribute_key,
    cast(sum(value_count) as bigint) as value_count,
    cast(coalesce(sum(value_count) filter (where is_malformed), 0) as bigint) as malformed_value_count,
    cast(coalesce(sum(value_count - counted_count) filter (where is_countable), 0) as bigint) as surplus_count,
    cast(sum(counted_count) as bigint) as counted_count,
    cast(coalesce(sum(counted_count) filter (where is_as_asked), 0) as bigint) as as_asked_count,
    cast(coalesce(sum(counted_count) filter (where is_usable), 0) as bigint) as usable_count
from judged
group by all
