-- Where answers disagree most on what has one value: least margin on average, over at least ten answers.
select
    consensus.palette_seed,
    consensus.prompt_version,
    min(consensus.answer_total) as answer_count,
    {{ exact_avg('consensus.margin') }} as mean_margin,
    {{ exact_avg('consensus.entropy') }} as mean_entropy,
    count(*) filter (where consensus.is_tie) as tie_count
from {{ ref('attribute_consensus') }} as consensus
inner join {{ ref('attributes') }} as attributes
    on consensus.attribute = attributes.attribute
where attributes.kind = 'categorical' and consensus.answer_total >= 10
group by consensus.palette_seed, consensus.prompt_version
order by mean_margin asc nulls last, consensus.palette_seed asc nulls last, consensus.prompt_version asc nulls last
limit 50
