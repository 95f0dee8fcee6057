with

by_text as (

    select
        model_prompt_key,
        text_key,
        is_counted,
        count(*) as value_count
    from {{ ref('int_tag_values') }}
    where model_prompt_key is not null
    group by all

),

judged as (

    select
        by_text.model_prompt_key,
        texts.attribute_key,
        by_text.value_count,
        by_text.is_counted,
        texts.text_class = 'not_text' as is_malformed,
        texts.is_countable and not by_text.is_counted as is_surplus,
        by_text.is_counted and (
            texts.text_class in ('allowed', 'open') or texts.text_class = 'mapped' and not attributes.is_closed
        ) as is_as_asked,
        by_text.is_counted and texts.text_class in ('allowed', 'open', 'mapped') as is_usable
    from by_text
    inner join {{ ref('int_tag_texts') }} as texts
        on by_text.text_key = texts.text_key
    inner join {{ ref('int_attributes') }} as attributes
        on texts.attribute_key = attributes.attribute_key

)

select
    model_prompt_key,
    attribute_key,
    cast(sum(value_count) as bigint) as value_count,
    cast(coalesce(sum(value_count) filter (where is_malformed), 0) as bigint) as malformed_value_count,
    cast(coalesce(sum(value_count) filter (where is_surplus), 0) as bigint) as surplus_count,
    cast(coalesce(sum(value_count) filter (where is_counted), 0) as bigint) as counted_count,
    cast(coalesce(sum(value_count) filter (where is_as_asked), 0) as bigint) as as_asked_count,
    cast(coalesce(sum(value_count) filter (where is_usable), 0) as bigint) as usable_count
from judged
group by all
