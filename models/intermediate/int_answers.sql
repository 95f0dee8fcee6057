with

results as (

    select * from {{ ref('int_tag_results') }}
    where status = 'success'

),

palette_versions as (

    select * from {{ ref('int_palette_versions') }}

),

key_lists as (

    select * from {{ ref('int_tag_key_lists') }}

),

models as (

    select
        model,
        row_number() over (order by model) - 1 as model_index,
        count(*) over () as model_count
    from results
    where model is not null
    group by model

)

select
    results.result_key,
    results._ordinal,
    palette_versions.group_key,
    set_bit(cast(repeat('0', models.model_count) as bit), cast(models.model_index as integer), 1) as model_set,
    key_lists.attribute_keys
from results
inner join key_lists
    on results.tag_keys = key_lists.tag_keys
left join palette_versions
    on
        results.palette_seed = palette_versions.palette_seed
        and results.prompt_version = palette_versions.prompt_version
left join models
    on results.model = models.model
