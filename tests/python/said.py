"""What each answer of a warehouse said, and what each model said first: where the judges of the statistics begin.

None of it looks at a table of counts: only at answers (`answers`), at their values (`tag_values`) and at the seeds.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from warehouse import Warehouse

Voices = dict[str, set[str]]
"""The tags of one attribute that each model said first."""


class Attribute(NamedTuple):
    """What the judges have to know of an attribute."""

    is_categorical: bool
    allowed: int | None
    """How many tags are; None where any is."""


@dataclass
class Answer:
    """An answer that counts, and the published canonical tags of each attribute in it."""

    answer_id: str
    palette: str
    prompt_version: str
    provider: str | None
    model: str | None
    analysis_index: int | None
    tags: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))


def read_attributes(warehouse: Warehouse) -> dict[str, Attribute]:
    allowed: dict[str, int] = dict(warehouse.rows("select attribute, count(*) from vocabulary group by attribute"))
    return {
        name: Attribute(kind == "categorical", allowed[name] if vocabulary == "closed" else None)
        for name, kind, vocabulary in warehouse.rows("select attribute, kind, vocabulary from attributes")
    }


def read_answers(warehouse: Warehouse) -> list[Answer]:
    """Read the answers that count and belong to a palette and a prompt version."""
    rows = warehouse.rows("""
        select answer_id, palette_seed, prompt_version, provider, model, analysis_index from answers
        where status = 'success' and palette_seed is not null and prompt_version is not null
        order by answer_id
    """)
    answers = {row[0]: Answer(*row) for row in rows}
    for answer_id, attribute, tag in warehouse.rows("""
        select answer_id, attribute, canonical_tag from tag_values
        where is_counted and value_class not in ('fragment', 'too_long')
    """):
        answers[answer_id].tags[attribute].add(tag)
    return list(answers.values())


def read_predecessors(warehouse: Warehouse) -> dict[str, str | None]:
    """Name the version before each, by the oldest answers; one without an answer that counts comes before none."""
    rows = warehouse.rows("""
        select prompt_version, min(created_at), bool_or(status = 'success' and palette_seed is not null)
        from answers where prompt_version is not null
        group by prompt_version
    """)
    found: dict[str, str | None] = {}
    before = None
    for version, _, is_answered in sorted(rows, key=lambda row: (row[1] is None, row[1], row[0])):
        found[version] = before
        before = version if is_answered else before
    return found


def grouped(answers: Iterable[Answer], by: str) -> dict[Any, list[Answer]]:
    groups = defaultdict(list)
    for answer in answers:
        groups[getattr(answer, by)].append(answer)
    return groups


def first_voices(answers: Iterable[Answer], attribute: str, is_categorical: bool) -> dict[str, Voices]:
    """Return by palette what each model said first; a categorical attribute of which that is nothing has no voice."""
    return {
        palette: {
            model: first.tags[attribute]
            for model, own in grouped(same, "model").items()
            if model is not None
            for first in [min(own, key=lambda one: (one.analysis_index is None, one.analysis_index, one.answer_id))]
            if first.tags[attribute] or not is_categorical
        }
        for palette, same in grouped(answers, "palette").items()
    }


def both_sides(now: dict[str, Voices], before: dict[str, Voices]) -> dict[str, tuple[list[set[str]], list[set[str]]]]:
    """Return by palette what the models said that have a voice under both of two prompts: now, and before."""
    shared = {palette: sorted(now[palette].keys() & before[palette].keys()) for palette in now.keys() & before.keys()}
    return {
        palette: ([now[palette][model] for model in models], [before[palette][model] for model in models])
        for palette, models in shared.items()
        if models
    }
