{% set last_palette_prompt_key = high_water_mark('palette_prompt_key') %}

with

voters as (

    select * from {{ ref('int_compared_voters') }}
    where palette_prompt_key > {{ last_palette_prompt_key }}

),

counts as (

    select * from {{ ref('int_canonical_counts') }}
    where is_published and first_model_set is not null

),

both_times as (

    select
        voters.palette_prompt_key,
        voters.attribute_key,
        counts.canonical_tag_key,
        bit_count(counts.first_model_set & voters.voter_set) as now_count,
        0 as previous_count
    from voters
    inner join counts
        on voters.palette_prompt_key = counts.palette_prompt_key and voters.attribute_key = counts.attribute_key
    union all
    select
        voters.palette_prompt_key,
        voters.attribute_key,
        counts.canonical_tag_key,
        0 as now_count,
        bit_count(counts.first_model_set & voters.voter_set) as previous_count
    from voters
    inner join counts
        on
            voters.previous_palette_prompt_key = counts.palette_prompt_key
            and voters.attribute_key = counts.attribute_key

)

select
    palette_prompt_key,
    attribute_key,
    canonical_tag_key,
    cast(sum(now_count) as integer) as now_count,
    cast(sum(previous_count) as integer) as previous_count
from both_times
group by all
having sum(now_count) + sum(previous_count) > 0
