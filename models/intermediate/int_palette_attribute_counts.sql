with

counts as (

    select * from {{ ref('int_palette_counts') }}
    where palette_key > {{ greatest_kept('palette_key') }}

)

select
    palette_key,
    attribute_key,
    min(canonical_tag_key) filter (where rank = 1) as winner_key,
    max(result_count) filter (where rank = 1) as votes,
    coalesce(max(result_count) filter (where rank = 2), 0) as runner_up_votes,
    count(*) as tag_count,
    {{ normalised_entropy('result_count') }} as entropy
from counts
group by all
