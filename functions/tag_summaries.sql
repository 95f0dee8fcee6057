{#- No name below is that of a public table: a query given as an argument is read among these names. -#}
with

wanted as (

    select
        * replace (palette_seed collate c as palette_seed, prompt_version collate c as prompt_version),
        count(*) over (partition by palette_key) as version_count
    from {{ bare(ref('int_palette_prompts')) }}
    where
        success_count > 0
        and palette_seed collate c in (select unnest(cast(seeds as varchar[])))
        and (prompt_versions is null or list_contains(cast(prompt_versions as varchar[]), prompt_version))

),

answered as (

    select
        palette_key,
        palette_seed,
        list(prompt_version order by prompt_version asc nulls last) as versions,
        sum(success_count) as success_count,
        max(last_success_at) as last_success_at
    from wanted
    group by all

),

of_one_version as (

    select
        wanted.palette_key,
        wanted.version_count,
        lists.*
    from {{ bare(ref('int_consensus_lists')) }} as lists
    inner join wanted
        on lists.palette_prompt_key = wanted.palette_prompt_key
    where prompt_versions is not null

),

one_by_one as (

    select
        palette_key,
        {{ lists_one_by_one() }} -- noqa: AL03
    from of_one_version
    where version_count > 1

),

counted as (

    select
        palette_key,
        attribute collate c as attribute,
        unnest(tags, recursive := true) -- noqa: AL03
    from one_by_one

),

summed as (

    select
        palette_key,
        attribute,
        "key" collate c as canonical_tag,
        sum("value") as answer_count
    from counted
    group by all

),

all_tags as (

    select
        attribute collate c as attribute,
        canonical_tag collate c as canonical_tag,
        name_order
    from {{ bare(ref('int_canonical_tags')) }}

),

in_order as (

    select
        summed.palette_key,
        summed.attribute,
        {{ ranked_tags('summed.canonical_tag', 'summed.answer_count', 'all_tags.name_order') }} as tags
    from summed
    inner join all_tags
        on summed.attribute = all_tags.attribute and summed.canonical_tag = all_tags.canonical_tag
    group by all

),

side_by_side as (

    select *
    from {{ bare(ref('int_palette_lists')) }}
    where prompt_versions is null and palette_key in (select palette_key from answered)
    union all by name
    select * exclude (palette_prompt_key, version_count)
    from of_one_version
    where version_count = 1
    union all by name
    select
        palette_key,
        {{ lists_side_by_side('tags', 'attribute') }}
    from in_order
    group by palette_key

)

select
    answered.palette_seed as seed,
    answered.versions as "promptVersions",
    cast(answered.success_count as double) as "totalModels",
    {{ consensus_columns('side_by_side') }},
    coalesce(epoch_us(answered.last_success_at) / 1000, 0.0) as "updatedAt"
from answered
left join side_by_side -- noqa: ST11
    on answered.palette_key = side_by_side.palette_key
order by answered.palette_seed asc nulls last
