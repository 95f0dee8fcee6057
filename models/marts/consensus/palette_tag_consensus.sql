with

palette_versions as (

    select *
    from {{ ref('int_palette_versions') }}
    where success_count > 0

),

lists as (

    select * from {{ ref('int_consensus_lists') }}

),

names as (

    select list(canonical_tag order by canonical_tag_key asc nulls last) as names
    from {{ ref('int_canonical_tags') }}

)

select
    palette_versions.palette_seed as seed,
    palette_versions.prompt_version as "promptVersion",
    cast(palette_versions.success_count as double) as "totalModels",
    {{ consensus_columns('lists', 'names.names') }},
    coalesce(epoch_us(palette_versions.last_success_at) / 1000, 0.0) as "updatedAt"
from palette_versions
left join lists -- noqa: ST11
    on palette_versions.group_key = lists.group_key
cross join names
