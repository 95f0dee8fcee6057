select
    attributes.attribute,
    attributes.vocabulary,
    count(vocabulary.tag) as tag_count
from {{ ref('attributes') }} as attributes
left join {{ ref('vocabulary') }} as vocabulary
    on attributes.attribute = vocabulary.attribute
group by all
having (attributes.vocabulary = 'closed') <> (count(vocabulary.tag) > 0)
