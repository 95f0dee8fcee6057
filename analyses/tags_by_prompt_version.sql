-- The five tags of each attribute that most answers said, prompt version by prompt version.
select
    prompt_version,
    attribute,
    rank,
    tag,
    answer_count,
    palette_count
from {{ ref('tag_totals') }}
where prompt_version is not null and rank <= 5
order by prompt_version asc nulls last, attribute asc nulls last, rank asc nulls last
