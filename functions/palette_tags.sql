select
    prompt_version,
    attribute,
    raw_value,
    tag,
    canonical_tag,
    value_class,
    is_counted,
    count(*) as occurrences,
    count(distinct answer_id) as answer_count,
    list(distinct model order by model asc nulls last) filter (where model is not null) as models
from (
    select
        answer_id collate c as answer_id,
        attribute collate c as attribute,
        prompt_version collate c as prompt_version,
        model collate c as model,
        raw_value collate c as raw_value,
        tag collate c as tag,
        canonical_tag collate c as canonical_tag,
        value_class collate c as value_class,
        is_counted
    from {{ bare(ref('tag_values')) }}
    where palette_seed = cast(seed as varchar) collate c
)
group by all
order by
    prompt_version asc nulls last,
    attribute asc nulls last,
    answer_count desc nulls last,
    tag asc nulls last,
    raw_value asc nulls last,
    value_class asc nulls last,
    is_counted asc nulls last
