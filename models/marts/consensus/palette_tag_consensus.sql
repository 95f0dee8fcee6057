{%- set attributes = {
    'categorical': ['temperature', 'contrast', 'brightness', 'saturation'],
    'tags': ['harmony', 'mood', 'style', 'dominant_colors', 'seasonal', 'associations']
} -%}

with

frequencies as (

    select * from {{ ref('canonical_tag_frequencies') }}
    where is_published

),

palette_versions as (

    select * from {{ ref('int_palette_versions') }}
    where success_count > 0

),

attribute_lists as (

    select
        palette_seed,
        prompt_version,
        attribute,
        list(struct_pack(key := canonical_tag, value := cast(result_count as double)) order by rank) as tags
    from frequencies
    group by all

),

lists as (

    select
        {%- for attribute in attributes.categorical + attributes.tags %}
        min(tags) filter (where attribute = '{{ attribute }}') as {{ attribute }},
        {%- endfor %}
        palette_seed,
        prompt_version
    from attribute_lists
    group by all

)

select
    palette_versions.palette_seed as seed,
    palette_versions.prompt_version as "promptVersion",
    cast(palette_versions.success_count as double) as "totalModels",
    {%- for part, names in attributes.items() %}
    {
        {%- for attribute in names %}
        '{{ attribute }}': coalesce(lists.{{ attribute }}, []){{ ',' if not loop.last }}
        {%- endfor %}
    } as {{ part }},
    {%- endfor %}
    coalesce(epoch_us(palette_versions.last_success_at) / 1000, 0.0) as "updatedAt"
from palette_versions
left join lists
    on palette_versions.palette_seed = lists.palette_seed and palette_versions.prompt_version = lists.prompt_version
