-- Takes the nested lists apart again: each key is a counted tag with the same count, and each counted tag is a key.
{% set attributes = published_attributes() %}

with

consensus as (

    {%- for part, names in attributes.items() %}
    {%- for attribute in names %}
    select
        seed,
        "promptVersion" as prompt_version,
        '{{ attribute }}' as attribute,
        unnest({{ part }}.{{ attribute }}, recursive := true)
    from {{ ref('palette_tag_consensus') }}
    {{ 'union all' if not (loop.last and part == 'tags') }}
    {%- endfor %}
    {%- endfor %}

),

frequencies as (

    select * from {{ ref('canonical_tag_frequencies') }}
    where is_published

)

select
    consensus.*,
    frequencies.*
from consensus
full join frequencies
    on
        consensus.seed = frequencies.palette_seed
        and consensus.prompt_version = frequencies.prompt_version
        and consensus.attribute = frequencies.attribute
        and consensus."key" = frequencies.canonical_tag
where not coalesce(consensus."value" = frequencies.result_count, false)
