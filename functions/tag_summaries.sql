{%- set attributes = published_attributes() -%}
with

palette_versions as (

    select *
    from {{ bare(ref('palette_tag_consensus')) }}
    where
        seed in (select unnest(cast(seeds as varchar[])))
        and (prompt_versions is null or list_contains(cast(prompt_versions as varchar[]), "promptVersion"))

),

said as (
    {% for part, names in attributes.items() %}
    {%- set outer_loop = loop %}
    {%- for attribute in names %}
    select
        seed,
        '{{ attribute }}' as attribute,
        unnest({{ part }}.{{ attribute }}, recursive := true)
    from palette_versions
    {%- if not (loop.last and outer_loop.last) %}
    union all
    {%- endif %}
    {%- endfor %}
    {%- endfor %}

),

merged as (

    select
        seed,
        attribute,
        "key",
        sum("value") as "value"
    from said
    group by all

),

lists as (

    select
        seed,
        attribute,
        list_sort(list(struct_pack(negated_value := -"value", tag := "key"))) as counted_tags
    from merged
    group by all

),

shaped as (

    select
        seed,
        attribute,
        list_transform(
            counted_tags, lambda counted: struct_pack("key" := counted.tag, "value" := -counted.negated_value)
        ) as tags
    from lists

),

side_by_side as (

    select
        {%- for attribute in attributes.categorical + attributes.tags %}
        coalesce(first(tags) filter (where attribute = '{{ attribute }}'), []) as {{ attribute }},
        {%- endfor %}
        seed
    from shaped
    group by seed

),

palettes as (

    select
        seed,
        list("promptVersion" order by "promptVersion") as "promptVersions",
        sum("totalModels") as "totalModels",
        max("updatedAt") as "updatedAt"
    from palette_versions
    group by seed

)

select
    palettes.seed,
    palettes."promptVersions",
    palettes."totalModels",
    {%- for part, names in attributes.items() %}
    {
        {%- for attribute in names %}
        '{{ attribute }}': coalesce(side_by_side.{{ attribute }}, []){{ ',' if not loop.last }}
        {%- endfor %}
    } as {{ part }},
    {%- endfor %}
    palettes."updatedAt"
from palettes
left join side_by_side
    on palettes.seed = side_by_side.seed
order by palettes.seed
