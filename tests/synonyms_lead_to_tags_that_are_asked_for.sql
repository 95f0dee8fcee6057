-- A synonym of a closed vocabulary leads to one of its tags; of an open one to a tag that can be published.
select synonyms.*
from {{ ref('synonyms') }} as synonyms
inner join {{ ref('attributes') }} as attributes
    on synonyms.attribute = attributes.attribute
left join {{ ref('vocabulary') }} as vocabulary
    on synonyms.attribute = vocabulary.attribute and synonyms.canonical_tag = vocabulary.tag
where
    (attributes.vocabulary = 'closed' and vocabulary.tag is null)
    or synonyms.canonical_tag = ''
    or length(synonyms.canonical_tag) > {{ max_tag_length() }}
    or {{ is_fragment('synonyms.canonical_tag') }}
