with

results as (

    select
        results.result_key,
        model_prompts.model_prompt_key
    from {{ ref('int_tag_results') }} as results
    inner join {{ ref('int_model_prompt_keys') }} as model_prompts
        on
            results.prompt_version = model_prompts.prompt_version
            and results.provider is not distinct from model_prompts.provider
            and results.model = model_prompts.model

)

select
    votes.group_key,
    votes.attribute_key,
    results.model_prompt_key,
    votes.canonical_tag_key,
    count(*) as vote_count
from {{ ref('int_votes') }} as votes
inner join results
    on votes.result_key = results.result_key
where votes.group_key > {{ greatest_kept('group_key') }}
group by all
