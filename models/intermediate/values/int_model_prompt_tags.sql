select
    model_prompt_key,
    attribute_key,
    tag_key,
    count(*) as value_count,
    count(*) filter (where not is_text) as malformed_value_count,
    count(*) filter (where is_counted) as counted_count
from {{ ref('int_tag_values') }}
where model_prompt_key is not null
group by all
