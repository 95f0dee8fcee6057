{%- set attributes = published_attributes() -%}
{#- No name below is that of a public table: a query given as an argument is read among these names. -#}
with

answered as (

    select
        seed,
        list("promptVersion" order by "promptVersion") as "promptVersions",
        sum("totalModels") as "totalModels",
        max("updatedAt") as "updatedAt"
    from {{ bare(ref('palette_tag_consensus')) }}
    where
        seed in (select unnest(cast(seeds as varchar[])))
        and (prompt_versions is null or list_contains(cast(prompt_versions as varchar[]), "promptVersion"))
    group by seed

),

merged as (

    select
        palette_seed,
        attribute,
        canonical_tag,
        cast(sum(result_count) as double) as result_count
    from {{ bare(ref('canonical_tag_frequencies')) }}
    where
        palette_seed in (select unnest(cast(seeds as varchar[])))
        and (prompt_versions is null or list_contains(cast(prompt_versions as varchar[]), prompt_version))
        and is_published
    group by all

),

lists as (

    select
        palette_seed,
        attribute,
        list_sort(list(struct_pack(negated_count := -result_count, tag := canonical_tag))) as counted_tags
    from merged
    group by all

),

shaped as (

    select
        palette_seed,
        attribute,
        list_transform(
            counted_tags, lambda counted: struct_pack(key := counted.tag, value := -counted.negated_count)
        ) as tags
    from lists

),

side_by_side as (

    select
        {%- for attribute in attributes.categorical + attributes.tags %}
        first(tags) filter (where attribute = '{{ attribute }}') as {{ attribute }},
        {%- endfor %}
        palette_seed
    from shaped
    group by palette_seed

)

select
    answered.seed,
    answered."promptVersions",
    answered."totalModels",
    {%- for part, names in attributes.items() %}
    {
        {%- for attribute in names %}
        '{{ attribute }}': coalesce(side_by_side.{{ attribute }}, []){{ ',' if not loop.last }}
        {%- endfor %}
    } as {{ part }},
    {%- endfor %}
    answered."updatedAt"
from answered
left join side_by_side
    on answered.seed = side_by_side.palette_seed
order by answered.seed
