select distinct
    canonical_tag_key,
    attribute_key,
    attribute,
    canonical_tag
from {{ ref('int_tag_texts') }}
