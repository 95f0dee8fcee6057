select
    model_prompt_key,
    text_key,
    count(*) as value_count,
    cast(countif(is_counted) as bigint) as counted_count
from {{ ref('int_tag_values') }}
where model_prompt_key is not null
group by all
