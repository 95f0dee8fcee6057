with

tags as (

    select
        prompt_version,
        attribute_key,
        min(shared_palette_count) as shared_palette_count,
        count(*) as tag_count,
        count(*) filter (where previous_result_count = 0) as added_tag_count,
        count(*) filter (where result_count = 0) as dropped_tag_count
    from {{ ref('int_tag_changes') }}
    group by all

),

divergences as (

    select * from {{ ref('int_attribute_divergences') }}

),

compared as (

    select
        observed.prompt_version,
        observed.attribute_key,
        observed.divergence,
        round({{ exact_avg('chance.divergence') }}, 9) as chance_divergence,
        (1 + count(*) filter (where chance.divergence >= observed.divergence))
        / (1 + count(chance.divergence)) as p_value
    from divergences as observed
    left join divergences as chance
        on
            observed.prompt_version = chance.prompt_version
            and observed.attribute_key = chance.attribute_key
            and chance.exchange > 0
    where observed.exchange = 0
    group by all

)

select
    compared.prompt_version,
    attributes.attribute,
    prompt_versions.previous_prompt_version,
    tags.shared_palette_count,
    tags.tag_count,
    tags.added_tag_count,
    tags.dropped_tag_count,
    compared.divergence,
    compared.chance_divergence,
    compared.p_value
from compared
inner join tags
    on compared.prompt_version = tags.prompt_version and compared.attribute_key = tags.attribute_key
inner join {{ ref('int_prompt_versions') }} as prompt_versions
    on compared.prompt_version = prompt_versions.prompt_version
inner join {{ ref('int_attributes') }} as attributes
    on compared.attribute_key = attributes.attribute_key
