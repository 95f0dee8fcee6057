select
    frequencies.palette_seed,
    frequencies.prompt_version,
    frequencies.attribute,
    sum(frequencies.answer_count) as votes,
    min(palette_prompts.success_count) as answers
from {{ ref('tag_frequencies') }} as frequencies
inner join {{ ref('int_palette_prompts') }} as palette_prompts
    on
        frequencies.palette_seed = palette_prompts.palette_seed
        and frequencies.prompt_version = palette_prompts.prompt_version
inner join {{ ref('attributes') }} as attributes
    on frequencies.attribute = attributes.attribute and attributes.kind = 'categorical'
group by all
having sum(frequencies.answer_count) > min(palette_prompts.success_count)
