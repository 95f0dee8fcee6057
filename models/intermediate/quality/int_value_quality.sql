with

judged as (

    select
        model_tags.*,
        tags.tag_key is not null as is_tag,
        tags.tag_class in ('allowed', 'open')
        or tags.tag_class = 'mapped' and not attributes.is_closed as is_as_asked,
        tags.tag_class in ('allowed', 'open', 'mapped') as is_usable
    from {{ ref('int_model_prompt_tags') }} as model_tags
    inner join {{ ref('int_attributes') }} as attributes
        on model_tags.attribute_key = attributes.attribute_key
    left join {{ ref('int_tags') }} as tags
        on model_tags.tag_key = tags.tag_key

)

select
    model_prompts.prompt_version,
    model_prompts.provider,
    model_prompts.model,
    judged.attribute_key,
    cast(sum(judged.value_count) as bigint) as value_count,
    cast(sum(judged.malformed_value_count) as bigint) as malformed_value_count,
    cast(
        coalesce(sum(judged.value_count - judged.counted_count) filter (where judged.is_tag), 0) as bigint
    ) as extra_value_count,
    cast(sum(judged.counted_count) as bigint) as counted_count,
    cast(coalesce(sum(judged.counted_count) filter (where judged.is_as_asked), 0) as bigint) as as_asked_count,
    cast(coalesce(sum(judged.counted_count) filter (where judged.is_usable), 0) as bigint) as usable_count
from judged
inner join {{ ref('int_model_prompts') }} as model_prompts
    on judged.model_prompt_key = model_prompts.model_prompt_key
group by all
