select
    model_prompt_key,
    text_key,
    is_counted,
    count(*) as value_count
from {{ ref('int_tag_values') }}
where model_prompt_key is not null
group by all
