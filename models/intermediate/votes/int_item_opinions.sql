with

votes as (

    select * from {{ ref('int_categorical_votes') }}
    where group_key > {{ greatest_kept('group_key') }}

)

select
    votes.group_key,
    votes.attribute_key,
    {{ by_place('opinions.opinion_key', 'opinion', 'panel', panels() | int) }}
from votes
inner join {{ ref('int_panel_opinions') }} as opinions
    on votes.attribute_key = opinions.attribute_key and votes.votes = opinions.votes
group by all
