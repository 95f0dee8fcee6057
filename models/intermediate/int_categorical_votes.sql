-- Lists in the making can't be spilled, so these come after the others. depends_on: {{ ref('int_palette_lists') }}
with

tag_values as (

    select * from {{ ref('int_tag_values') }}
    where is_counted

),

texts as (

    select * from {{ ref('int_tag_texts') }}
    where is_categorical and text_class in ('allowed', 'mapped')

),

answers as (

    select * from {{ ref('int_answers') }}
    where group_key > {{ greatest_kept('group_key') }}

),

results as (

    select * from {{ ref('int_tag_results') }}

),

models as (

    select * from {{ ref('int_models') }}

),

voters as (

    select
        answers.result_key,
        answers.group_key,
        models.model_key
    from answers
    inner join results
        on answers.result_key = results.result_key
    inner join models
        on results.model = models.model

),

counted as (

    select
        voters.group_key,
        texts.attribute_key,
        voters.model_key,
        texts.canonical_tag_key,
        cast(count(*) as integer) as vote_count
    from tag_values
    inner join texts
        on tag_values.text_key = texts.text_key
    inner join {{ ref('int_attributes') }} as attributes
        on texts.attribute_key = attributes.attribute_key and attributes.is_closed
    inner join voters
        on tag_values.result_key = voters.result_key
    group by all

)

select
    group_key,
    attribute_key,
    list_sort(list(struct_pack(model_key, canonical_tag_key, vote_count))) as votes
from counted
group by all
