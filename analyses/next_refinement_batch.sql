-- What a refinement batch of 100 palettes would hold: those that no model has refined yet, most answers first.
-- The function refinement_candidates answers the same for one model and cycle.
select
    palette_seed,
    min(palette_id) as palette_id,
    sum(success_count) as answer_count,
    sum(tag_count) as tag_count,
    list(prompt_version order by prompt_version asc nulls last) as prompt_versions
from {{ ref('refinement_queue') }}
where len(refinements) = 0
group by palette_seed
order by answer_count desc nulls last, palette_seed asc nulls last
limit 100
