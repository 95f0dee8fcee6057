with

tags as (

    select
        prompt_version,
        attribute_key,
        min(shared_palette_count) as shared_palette_count,
        count(*) as tag_count,
        count(*) filter (where previous_answer_count = 0) as added_tag_count,
        count(*) filter (where answer_count = 0) as dropped_tag_count
    from {{ ref('int_tag_changes') }}
    group by all

),

-- Exchange 0 is none.
exchanges as (

    select
        prompt_version,
        attribute_key,
        answer_count + previous_answer_count as both_counts,
        unnest([answer_count] || exchanged_counts) as now_count,
        generate_subscripts([answer_count] || exchanged_counts, 1) - 1 as exchange
    from {{ ref('int_tag_changes') }}

),

shares as (

    select
        prompt_version,
        attribute_key,
        exchange,
        now_count / sum(now_count) over attribute_exchange as now_share,
        (both_counts - now_count) / sum(both_counts - now_count) over attribute_exchange as previous_share
    from exchanges
    window attribute_exchange as (partition by prompt_version, attribute_key, exchange)

),

divergences as (

    select
        prompt_version,
        attribute_key,
        exchange,
        abs(round({{ exact_sum(divergence_of_a_tag('now_share', 'previous_share')) }}, 9)) as divergence
    from shares
    where isfinite(now_share) and isfinite(previous_share)
    group by all

),

compared as (

    select
        observed.prompt_version,
        observed.attribute_key,
        observed.divergence,
        round({{ exact_avg('chance.divergence') }}, 9) as chance_divergence,
        (1 + count(*) filter (where chance.divergence >= observed.divergence))
        / (1 + count(chance.divergence)) as p_value
    from divergences as observed
    left join divergences as chance
        on
            observed.prompt_version = chance.prompt_version
            and observed.attribute_key = chance.attribute_key
            and chance.exchange > 0
    where observed.exchange = 0
    group by all

)

select
    compared.prompt_version,
    attributes.attribute,
    prompt_versions.previous_prompt_version,
    tags.shared_palette_count,
    tags.tag_count,
    tags.added_tag_count,
    tags.dropped_tag_count,
    compared.divergence,
    compared.chance_divergence,
    compared.p_value
from compared
inner join tags
    on compared.prompt_version = tags.prompt_version and compared.attribute_key = tags.attribute_key
inner join {{ ref('int_prompt_versions') }} as prompt_versions
    on compared.prompt_version = prompt_versions.prompt_version
inner join {{ ref('int_attributes') }} as attributes
    on compared.attribute_key = attributes.attribute_key
