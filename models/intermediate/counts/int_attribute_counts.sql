with

counts as (

    select * from {{ ref('int_canonical_counts') }}
    where is_published and group_key > {{ greatest_kept('group_key') }}

)

select
    group_key,
    attribute_key,
    {{ what_ranks_agree_on() }}
from counts
group by all
