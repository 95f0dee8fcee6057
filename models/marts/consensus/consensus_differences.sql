with

differences as (

    select * from {{ ref('weighted_consensus') }}
    where is_different

),

votes as (

    select * from {{ ref('int_model_votes') }}

),

palette_prompts as (

    select * from {{ ref('int_palette_prompts') }}

),

models as (

    select * from {{ ref('int_models') }}

),

canonical_tags as (

    select * from {{ ref('int_canonical_tags') }}

),

found as (

    select
        differences.* exclude (is_different),
        palette_prompts.palette_prompt_key
    from differences
    inner join palette_prompts
        on
            differences.palette_seed = palette_prompts.palette_seed
            and differences.prompt_version = palette_prompts.prompt_version

)

select
    found.* exclude (palette_prompt_key),
    list(
        struct_pack(model := models.model, tag := canonical_tags.canonical_tag, vote_count := votes.vote_count)
        order by models.model asc nulls last, canonical_tags.canonical_tag asc nulls last
    ) as votes
from found
inner join votes
    on found.palette_prompt_key = votes.palette_prompt_key
inner join models
    on votes.model_key = models.model_key
inner join canonical_tags
    on votes.canonical_tag_key = canonical_tags.canonical_tag_key and found.attribute = canonical_tags.attribute
group by all
