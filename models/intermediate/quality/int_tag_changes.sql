with

voters as (

    select
        *,
        {{ exchange_bits('palette_seed') }} as exchange_bits
    from {{ ref('int_compared_voters') }}

),

palettes as (

    select
        prompt_version,
        attribute_key,
        count(*) as shared_palette_count
    from voters
    group by all

),

changes as (

    select
        voters.prompt_version,
        voters.attribute_key,
        voters.exchange_bits,
        tags.canonical_tag_key,
        tags.now_count,
        tags.previous_count,
        tags.now_count / voters.voter_count as share,
        tags.previous_count / voters.voter_count as previous_share,
        (tags.now_count - tags.previous_count) / voters.voter_count as change
    from {{ ref('int_compared_tags') }} as tags
    inner join voters
        on tags.palette_prompt_key = voters.palette_prompt_key and tags.attribute_key = voters.attribute_key

),

summed as (

    select
        prompt_version,
        attribute_key,
        canonical_tag_key,
        cast(sum(now_count) as bigint) as answer_count,
        cast(sum(previous_count) as bigint) as previous_answer_count,
        {{ exact_sum('share') }} as shares,
        {{ exact_sum('previous_share') }} as previous_shares,
        {{ exact_sum('change') }} as changes,
        {{ exact_sum('change * change') }} as squared_changes,
        {{ counts_after_exchanges('now_count', 'previous_count', 'exchange_bits') }} as exchanged_counts
    from changes
    group by all

)

-- A palette of which no model said the tag hasn't changed: it adds to the number of palettes, and nothing to the sums.
select
    summed.prompt_version,
    summed.attribute_key,
    summed.canonical_tag_key,
    palettes.shared_palette_count,
    summed.answer_count,
    summed.previous_answer_count,
    summed.shares / palettes.shared_palette_count as share,
    summed.previous_shares / palettes.shared_palette_count as previous_share,
    summed.changes / palettes.shared_palette_count as share_change,
    {{ standard_error(
        squared_deviations('summed.squared_changes', 'summed.changes', 'palettes.shared_palette_count'),
        'palettes.shared_palette_count'
    ) }} as share_change_error,
    summed.exchanged_counts
from summed
inner join palettes
    on summed.prompt_version = palettes.prompt_version and summed.attribute_key = palettes.attribute_key
