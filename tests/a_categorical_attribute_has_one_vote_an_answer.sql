select
    frequencies.palette_seed,
    frequencies.prompt_version,
    frequencies.attribute,
    sum(frequencies.result_count) as votes,
    min(palette_versions.success_count) as answers
from {{ ref('tag_frequencies') }} as frequencies
inner join {{ ref('int_palette_versions') }} as palette_versions
    on
        frequencies.palette_seed = palette_versions.palette_seed
        and frequencies.prompt_version = palette_versions.prompt_version
inner join {{ ref('attributes') }} as attributes
    on frequencies.attribute = attributes.attribute and attributes.kind = 'categorical'
group by all
having sum(frequencies.result_count) > min(palette_versions.success_count)
