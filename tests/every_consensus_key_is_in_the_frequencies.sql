-- Looks at all keys of a palette and prompt version together: how many there are, and the sum of their hashes.
{% set attributes = published_attributes() %}

with

consensus as (

    select
        seed as palette_seed,
        "promptVersion" as prompt_version,
        list_concat(
            {%- for part, names in attributes.items() %}
            {%- for attribute in names %}
            list_transform(
                {{ part }}.{{ attribute }}, lambda entry: hash('{{ attribute }}', entry."key", entry."value")
            )
            {{- ',' if not (loop.last and part == 'tags') }}
            {%- endfor %}
            {%- endfor %}
        ) as key_hashes
    from {{ ref('palette_tag_consensus') }}

),

keys as (

    select
        palette_seed,
        prompt_version,
        len(key_hashes) as key_count,
        coalesce(list_sum(key_hashes), 0) as fingerprint
    from consensus

),

frequencies as (

    select
        palette_seed,
        prompt_version,
        count(*) as key_count,
        sum(hash(attribute, canonical_tag, cast(answer_count as double))) as fingerprint
    from {{ ref('canonical_tag_frequencies') }}
    where is_published
    group by all

)

select
    keys.*,
    frequencies.*
from keys
full join frequencies
    on
        keys.palette_seed = frequencies.palette_seed
        and keys.prompt_version = frequencies.prompt_version
where
    not coalesce(
        keys.key_count = coalesce(frequencies.key_count, 0)
        and keys.fingerprint = coalesce(frequencies.fingerprint, 0),
        false
    )
