select max(canonical_tag_key) as last_key
from {{ ref('int_canonical_tag_keys') }}
having max(canonical_tag_key) <> count(*)
