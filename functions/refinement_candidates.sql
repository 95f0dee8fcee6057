with

waiting as (

    select
        palette_seed collate c as palette_seed,
        palette_id collate c as palette_id,
        prompt_version collate c as prompt_version,
        success_count
    from {{ bare(ref('refinement_queue')) }}
    where
        (prompt_versions is null or list_contains(cast(prompt_versions as varchar[]), prompt_version))
        and not list_contains(
            refinements, struct_pack(cycle := cast(cycle as bigint), model := cast(model as varchar))
        )
        and model is not null
        and cycle is not null

),

first_palettes as (

    select
        palette_seed,
        cast(sum(success_count) as bigint) as success_count
    from waiting
    group by palette_seed
    order by success_count desc nulls last, palette_seed asc nulls last
    limit max_rows

)

select
    first_palettes.palette_seed,
    min(waiting.palette_id) as palette_id,
    first_palettes.success_count,
    list(waiting.prompt_version order by waiting.prompt_version asc nulls last) as prompt_versions
from first_palettes
inner join waiting
    on first_palettes.palette_seed = waiting.palette_seed
group by first_palettes.palette_seed, first_palettes.success_count
order by first_palettes.success_count desc nulls last, first_palettes.palette_seed asc nulls last
