-- A tag of the vocabulary stands for itself: it is neither mapped to another nor forbidden.
select
    vocabulary.*,
    synonyms.canonical_tag,
    unwanted.note
from {{ ref('vocabulary') }} as vocabulary
left join {{ ref('synonyms') }} as synonyms
    on vocabulary.attribute = synonyms.attribute and vocabulary.tag = synonyms.tag
left join {{ ref('unwanted_tags') }} as unwanted
    on vocabulary.tag = unwanted.tag and coalesce(unwanted.attribute, vocabulary.attribute) = vocabulary.attribute
where synonyms.tag is not null or unwanted.tag is not null
