with

differences as (

    select * from {{ ref('weighted_consensus') }}
    where is_different

),

items as (

    select * from {{ ref('int_categorical_votes') }}

),

palette_versions as (

    select * from {{ ref('int_palette_versions') }}

),

models as (

    select * from {{ ref('int_models') }}

),

canonical_tags as (

    select * from {{ ref('int_canonical_tags') }}

),

found as (

    select
        differences.* exclude (votes, is_different),
        differences.votes as winner_votes,
        items.votes
    from differences
    inner join palette_versions
        on
            differences.palette_seed = palette_versions.palette_seed
            and differences.prompt_version = palette_versions.prompt_version
    inner join items
        on palette_versions.group_key = items.group_key

),

said as (

    select
        *,
        unnest([vote.model_key for vote in votes]) as model_key,
        unnest([vote.canonical_tag_key for vote in votes]) as canonical_tag_key,
        unnest([vote.vote_count for vote in votes]) as vote_count
    from found

)

select
    said.* exclude (votes, model_key, canonical_tag_key, vote_count),
    list(
        struct_pack(model := models.model, tag := canonical_tags.canonical_tag, vote_count := said.vote_count)
        order by models.model asc nulls last, canonical_tags.canonical_tag asc nulls last
    ) as votes
from said
inner join models
    on said.model_key = models.model_key
inner join canonical_tags
    on said.canonical_tag_key = canonical_tags.canonical_tag_key and said.attribute = canonical_tags.attribute
group by all
