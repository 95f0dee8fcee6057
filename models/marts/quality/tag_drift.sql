with

changes as (

    select * from {{ ref('int_tag_changes') }}
    where result_count + previous_result_count >= 10

),

prompt_versions as (

    select * from {{ ref('int_prompt_versions') }}

),

canonical_tags as (

    select * from {{ ref('int_canonical_tags') }}

),

shares as (

    select
        changes.*,
        prompt_versions.previous_prompt_version,
        changes.result_count / prompt_versions.success_count as share,
        changes.previous_result_count / prompt_versions.previous_success_count as previous_share,
        (changes.result_count + changes.previous_result_count)
        / (prompt_versions.success_count + prompt_versions.previous_success_count) as pooled_share,
        1 / prompt_versions.success_count + 1 / prompt_versions.previous_success_count as per_answer
    from changes
    inner join prompt_versions
        on changes.prompt_version = prompt_versions.prompt_version

)

select
    shares.prompt_version,
    canonical_tags.attribute,
    canonical_tags.canonical_tag,
    shares.previous_prompt_version,
    shares.result_count,
    shares.previous_result_count,
    shares.share,
    shares.previous_share,
    shares.share - shares.previous_share as share_change,
    case
        when shares.pooled_share < 1
            then
                (shares.share - shares.previous_share)
                / sqrt(shares.pooled_share * (1 - shares.pooled_share) * shares.per_answer)
        else 0.0
    end as z_score
from shares
inner join canonical_tags
    on shares.canonical_tag_key = canonical_tags.canonical_tag_key
