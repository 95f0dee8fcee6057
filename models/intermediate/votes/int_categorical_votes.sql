-- Lists in the making can't be spilled, so these come after the others. depends_on: {{ ref('int_palette_lists') }}
with

model_votes as (

    select * from {{ ref('int_model_votes') }}
    where group_key > {{ greatest_kept('group_key') }}

),

voters as (

    select
        model_prompts.model_prompt_key,
        models.model_key
    from {{ ref('int_model_prompt_keys') }} as model_prompts
    inner join {{ ref('int_models') }} as models
        on model_prompts.model = models.model

),

allowed_tags as (

    select * from {{ ref('int_canonical_tags') }}
    where is_allowed

),

counted as (

    select
        model_votes.group_key,
        model_votes.attribute_key,
        voters.model_key,
        model_votes.canonical_tag_key,
        cast(sum(model_votes.vote_count) as integer) as vote_count
    from model_votes
    inner join voters
        on model_votes.model_prompt_key = voters.model_prompt_key
    semi join allowed_tags
        on model_votes.canonical_tag_key = allowed_tags.canonical_tag_key
    group by all

),

-- A list of numbers takes half the memory of a list of structs while it is made, and it can't be spilled.
said as (

    select
        group_key,
        attribute_key,
        (model_key - 1) % {{ panels() }} + 1 as panel,
        list_sort(
            list((cast(model_key as hugeint) << 64) | (cast(canonical_tag_key as hugeint) << 32) | vote_count),
            'asc',
            'nulls last'
        ) as votes
    from counted
    group by all

)

-- What a panel says is summed by EM once, however many palettes it says that of.
select
    group_key,
    attribute_key,
    panel,
    [
        struct_pack(
            model_key := cast(vote >> 64 as integer),
            canonical_tag_key := cast((vote >> 32) & 4294967295 as integer),
            vote_count := cast(vote & 4294967295 as integer)
        ) for vote in votes
    ] as votes
from said
