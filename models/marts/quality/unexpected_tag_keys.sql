with

results as (

    select * from {{ ref('int_tag_results') }}

),

unexpected as (

    select
        tag_keys,
        unnest(unexpected_keys) as told
    from {{ ref('int_tag_key_lists') }}

)

select
    unexpected.told['tag_key'] as tag_key,
    unexpected.told['problem'] as problem,
    count(distinct results.result_id) as result_count,
    list_slice(list(distinct results.model order by results.model), 1, 20) as models,
    min(results.result_id) as example_result_id
from results
inner join unexpected
    on results.tag_keys = unexpected.tag_keys
group by all
