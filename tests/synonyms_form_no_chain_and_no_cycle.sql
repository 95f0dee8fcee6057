-- The table is looked up once, so what a synonym leads to can't be a synonym itself.
select
    synonyms.*,
    further.canonical_tag as leads_on_to
from {{ ref('synonyms') }} as synonyms
inner join {{ ref('synonyms') }} as further
    on synonyms.attribute = further.attribute and synonyms.canonical_tag = further.tag
