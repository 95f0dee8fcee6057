{% set attributes = published_attributes() %}

with

lists as (

    select
        lists.group_key,
        lists.tags,
        attributes.attribute
    from {{ ref('int_consensus_lists') }} as lists
    inner join {{ ref('int_attributes') }} as attributes
        on lists.attribute_key = attributes.attribute_key

),

palette_versions as (

    select *
    from {{ ref('int_palette_versions') }}
    where success_count > 0

),

side_by_side as (

    select
        {%- for attribute in attributes.categorical + attributes.tags %}
        first(tags) filter (where attribute = '{{ attribute }}') as {{ attribute }},
        {%- endfor %}
        group_key
    from lists
    group by all

)

select
    palette_versions.palette_seed as seed,
    palette_versions.prompt_version as "promptVersion",
    cast(palette_versions.success_count as double) as "totalModels",
    {%- for part, names in attributes.items() %}
    {
        {%- for attribute in names %}
        '{{ attribute }}': coalesce(side_by_side.{{ attribute }}, []){{ ',' if not loop.last }}
        {%- endfor %}
    } as {{ part }},
    {%- endfor %}
    coalesce(epoch_us(palette_versions.last_success_at) / 1000, 0.0) as "updatedAt"
from palette_versions
left join side_by_side
    on palette_versions.group_key = side_by_side.group_key
