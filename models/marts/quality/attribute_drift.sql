with

changes as (

    select * from {{ ref('int_tag_changes') }}

),

proportions as (

    select
        prompt_version,
        attribute_key,
        result_count / sum(result_count) over in_attribute as now_said,
        previous_result_count / sum(previous_result_count) over in_attribute as said_before
    from changes
    window in_attribute as (partition by prompt_version, attribute_key)

),

terms as (

    select
        *,
        if(now_said > 0, now_said * log2(2 * now_said / (now_said + said_before)), 0) as now_term,
        if(said_before > 0, said_before * log2(2 * said_before / (now_said + said_before)), 0) as before_term
    from proportions
    where isfinite(now_said) and isfinite(said_before)

)

select
    terms.prompt_version,
    attributes.attribute,
    prompt_versions.previous_prompt_version,
    count(*) as tag_count,
    count(*) filter (where terms.said_before = 0) as new_tag_count,
    count(*) filter (where terms.now_said = 0) as gone_tag_count,
    abs(round(({{ exact_sum('terms.now_term') }} + {{ exact_sum('terms.before_term') }}) / 2, 9)) as divergence
from terms
inner join {{ ref('int_prompt_versions') }} as prompt_versions
    on terms.prompt_version = prompt_versions.prompt_version
inner join {{ ref('int_attributes') }} as attributes
    on terms.attribute_key = attributes.attribute_key
group by all
