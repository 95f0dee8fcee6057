select
    answer_key,
    count(*) filter (where is_text) as text_value_count,
    count(*) filter (where not is_text) as malformed_value_count
from {{ ref('int_tag_values') }}
where answer_key > {{ high_water_mark('answer_key') }}
group by answer_key
