select
    totals.prompt_version,
    totals.attribute,
    totals.tag,
    totals.canonical_tag,
    totals.tag_class,
    totals.occurrences,
    totals.answer_count,
    totals.model_count,
    totals.palette_count
from {{ bare(ref('tag_totals')) }} as totals
where
    totals.prompt_version is not distinct from cast(prompt_version as varchar) collate c
    and (attribute is null or totals.attribute = cast(attribute as varchar) collate c)
order by
    totals.answer_count desc nulls last,
    totals.attribute collate c asc nulls last,
    totals.tag collate c asc nulls last
limit n
