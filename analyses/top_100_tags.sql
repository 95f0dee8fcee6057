-- The 100 tags that most answers said, over all prompt versions, each with what it is counted as.
select
    attribute,
    tag,
    canonical_tag,
    tag_class,
    answer_count,
    palette_count,
    model_count
from {{ ref('tag_totals') }}
where prompt_version is null
order by answer_count desc nulls last, attribute asc nulls last, tag asc nulls last
limit 100
