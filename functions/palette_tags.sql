select
    prompt_version,
    attribute,
    raw_value,
    tag,
    canonical_tag,
    value_class,
    is_counted,
    count(*) as occurrences,
    count(distinct result_id) as result_count,
    list(distinct model order by model) filter (where model is not null) as models
from {{ bare(ref('tag_values')) }}
where palette_seed = cast(seed as varchar)
group by all
order by
    prompt_version asc,
    attribute asc,
    result_count desc,
    tag asc,
    raw_value asc,
    value_class asc,
    is_counted asc
