with

results as (

    select * from {{ ref('int_tag_results') }}

),

key_lists as (

    select * from {{ ref('int_tag_key_lists') }}
    where len(unexpected_keys) > 0

),

unexpected as (

    select
        results.result_id,
        results.model,
        unnest(key_lists.unexpected_keys) as told
    from results
    inner join key_lists
        on results.tag_keys = key_lists.tag_keys

)

select
    told['tag_key'] as tag_key,
    told['problem'] as problem,
    count(distinct result_id) as result_count,
    list_slice(list(distinct model order by model asc nulls last), 1, 20) as models,
    min(result_id) as example_result_id
from unexpected
group by all
