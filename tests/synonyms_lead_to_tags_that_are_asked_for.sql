-- A synonym of a closed vocabulary leads to one of its tags; of an open one to a tag that is wanted and is published.
select synonyms.*
from {{ ref('synonyms') }} as synonyms
inner join {{ ref('attributes') }} as attributes
    on synonyms.attribute = attributes.attribute
left join {{ ref('vocabulary') }} as vocabulary
    on synonyms.attribute = vocabulary.attribute and synonyms.canonical_tag = vocabulary.tag
left join {{ ref('unwanted_tags') }} as unwanted
    on synonyms.canonical_tag = unwanted.tag and coalesce(unwanted.attribute, synonyms.attribute) = synonyms.attribute
where
    (attributes.vocabulary = 'closed' and vocabulary.tag is null)
    or unwanted.tag is not null
    or synonyms.canonical_tag = ''
    or length(synonyms.canonical_tag) > {{ max_tag_length() }}
    or {{ is_fragment('synonyms.canonical_tag') }}
