select
    palette_seed,
    first(palette_id) as palette_id,
    cast(sum(success_count) as bigint) as success_count,
    list(prompt_version order by prompt_version) as prompt_versions
from {{ bare(ref('refinement_queue')) }}
where
    (prompt_versions is null or list_contains(cast(prompt_versions as varchar[]), prompt_version))
    and not list_contains(refinements, struct_pack(cycle := cast(cycle as bigint), model := cast(model as varchar)))
    and model is not null
    and cycle is not null
group by palette_seed
order by success_count desc, palette_seed asc
limit max_rows
