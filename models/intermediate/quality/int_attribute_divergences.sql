with

-- Exchange 0 is none.
exchanges as (

    select
        prompt_version,
        attribute_key,
        result_count + previous_result_count as both_counts,
        unnest([result_count] || exchanged_counts) as now_count,
        generate_subscripts([result_count] || exchanged_counts, 1) - 1 as exchange
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

)

select
    prompt_version,
    attribute_key,
    exchange,
    abs(round({{ exact_sum(divergence_of_a_tag('now_share', 'previous_share')) }}, 9)) as divergence
from shares
where isfinite(now_share) and isfinite(previous_share)
group by all
