with

live as (

    select
        *,
        false as is_deleted
    from {{ ref('stg_convex__palettes') }}
    where palette_seed is not null

),

deleted as (

    select
        *,
        true as is_deleted
    from {{ ref('stg_convex__palettes_deleted') }}
    where palette_seed is not null

),

live_and_deleted as (

    select * from live
    union all
    select * from deleted

),

documents as (

    select * from live_and_deleted
    qualify
        row_number() over (
            partition by palette_seed
            order by is_deleted asc nulls last, created_at asc nulls last, palette_id asc nulls last
        ) = 1

),

tagged as (

    select
        palette_seed,
        sum(answer_count) as answer_count,
        sum(success_count) as success_count,
        count(*) as prompt_version_count
    from {{ ref('int_palette_prompts') }}
    group by all

)

select
    coalesce(documents.palette_seed, tagged.palette_seed) as palette_seed,
    documents.palette_id,
    documents.image_url,
    documents.created_at,
    coalesce(documents.is_deleted, false) as is_deleted,
    documents.palette_id is not null as has_document,
    cast(coalesce(tagged.answer_count, 0) as bigint) as answer_count,
    cast(coalesce(tagged.success_count, 0) as bigint) as success_count,
    coalesce(tagged.prompt_version_count, 0) as prompt_version_count
from documents
full join tagged
    on documents.palette_seed = tagged.palette_seed
