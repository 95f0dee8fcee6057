"""Compares the statistics of a warehouse with what packages that others wrote make of the same answers.

The judges begin with what each answer said (`tag_results`, `tag_values`), answer by answer and pair by pair, where the
models only know sums.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import combinations, pairwise
from statistics import fmean, stdev
from typing import Any

import krippendorff
import numpy as np
import pytest
from nltk.metrics.agreement import AnnotationTask
from nltk.probability import FreqDist, MLEProbDist, entropy
from warehouse import Warehouse

Key = tuple[Any, ...]


@dataclass
class Answer:
    """What one answer that counts said: the published canonical tags of each attribute."""

    palette: str
    prompt_version: str
    coder: Key
    """Provider and model; what they said under another analysis index is an answer of its own."""
    tags: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))


def statistics_beside_others(warehouse: Warehouse) -> dict[str, dict[Key, tuple[float | None, float | None]]]:
    """Give, for each statistic and where it stands, ours and theirs."""
    answers = read_answers(warehouse)
    kinds: dict[str, bool] = dict(warehouse.rows("select attribute, kind = 'categorical' from attributes"))
    categorical = [name for name, is_categorical in kinds.items() if is_categorical]
    return {
        "krippendorff_alpha": beside(
            warehouse.rows("select prompt_version, attribute, krippendorff_alpha from prompt_version_quality"),
            {
                (version, name): alpha(same, name, is_categorical)
                for version, same in grouped(answers, "prompt_version").items()
                for name, is_categorical in kinds.items()
            },
        ),
        "krippendorff_alpha, tag by tag": beside(
            warehouse.rows("""
                select prompt_version, attribute, krippendorff_alpha
                from prompt_version_quality join attributes using (attribute) where kind = 'list'
            """),
            {
                (version, name): mean_of_alphas(same, name)
                for version, same in grouped(answers, "prompt_version").items()
                for name, is_categorical in kinds.items()
                if not is_categorical
            },
        ),
        "mean_entropy": beside(
            warehouse.rows("select prompt_version, attribute, mean_entropy from prompt_version_quality"),
            {
                (version, name): mean_entropy(same, name)
                for version, same in grouped(answers, "prompt_version").items()
                for name in kinds
            },
        ),
        "agreement_change": beside(
            warehouse.rows(
                "select prompt_version, attribute, previous_prompt_version, agreement_change"
                " from prompt_version_quality where previous_prompt_version is not null"
            ),
            changes(warehouse, answers, kinds, 0),
        ),
        "agreement_change_error": beside(
            warehouse.rows(
                "select prompt_version, attribute, previous_prompt_version, agreement_change_error"
                " from prompt_version_quality where previous_prompt_version is not null"
            ),
            changes(warehouse, answers, kinds, 1),
        ),
        **{
            column: beside(
                warehouse.rows(f"select prompt_version, provider, model, attribute, {column} from model_agreement"),
                {key: row[column] for key, row in model_rows(answers, categorical).items()},
            )
            for column in ("agreement", "cohens_kappa", "self_consistency")
        },
    }


def assert_statistics_are_those_of_others(warehouse: Warehouse) -> Counter[str]:
    """Assert it to 1e-9, and count what was compared of each."""
    compared: Counter[str] = Counter()
    for statistic, pairs in statistics_beside_others(warehouse).items():
        for where, (ours, theirs) in pairs.items():
            assert (ours is None) == (theirs is None), (statistic, where, ours, theirs)
            assert ours == (None if theirs is None else pytest.approx(theirs, rel=0.0, abs=1e-9)), (statistic, where)
            compared[statistic] += ours is not None
    return compared


def beside(rows: list[Key], theirs: dict[Key, float | None]) -> dict[Key, tuple[float | None, float | None]]:
    """Put theirs beside the last column of our rows; what they don't have is null."""
    ours = {row[:-1]: row[-1] for row in rows}
    missing = {key for key, value in theirs.items() if value is not None} - ours.keys()
    assert not missing, missing
    return {key: (value, theirs.get(key)) for key, value in ours.items()}


def read_answers(warehouse: Warehouse) -> list[Answer]:
    """Read the answers that count and belong to a palette and a prompt version."""
    answers = {
        result_id: Answer(palette, version, (provider, model))
        for result_id, palette, version, provider, model in warehouse.rows("""
            select result_id, palette_seed, prompt_version, provider, model from tag_results
            where status = 'success' and palette_seed is not null and prompt_version is not null
            order by result_id
        """)
    }
    for result_id, attribute, tag in warehouse.rows("""
        select result_id, attribute, canonical_tag from tag_values
        where is_counted and value_class not in ('fragment', 'too_long')
    """):
        answers[result_id].tags[attribute].add(tag)
    return list(answers.values())


def grouped(answers: Iterable[Answer], by: str) -> dict[str, list[Answer]]:
    groups = defaultdict(list)
    for answer in answers:
        groups[getattr(answer, by)].append(answer)
    return groups


def alpha(answers: list[Answer], attribute: str, is_categorical: bool) -> float | None:
    """Have `krippendorff` compare the sets of tags of one prompt version; a categorical attribute's have one."""
    palettes = [
        [frozenset(one.tags[attribute]) for one in same if one.tags[attribute] or not is_categorical]
        for same in grouped(answers, "palette").values()
    ]
    domain = list(dict.fromkeys(said for palette in palettes if len(palette) > 1 for said in palette))
    if len(domain) < 2:
        return None  # what `krippendorff` refuses
    distances = np.array([[len(one ^ other) for other in domain] for one in domain], dtype=float)

    def apart(v1: Any, v2: Any, i1: Any, i2: Any, n_v: Any, dtype: Any = float) -> Any:
        return distances[i1, i2]

    value_of = {said: value for value, said in enumerate(domain)}
    coded = [[value_of[said] for said in palette] for palette in palettes if len(palette) > 1]
    coders = max(map(len, coded))
    matrix = np.array([[*codes, *[np.nan] * (coders - len(codes))] for codes in coded]).T
    return krippendorff.alpha(
        reliability_data=matrix,
        value_domain=list(range(len(domain))),
        level_of_measurement="nominal" if is_categorical else apart,
    )


def mean_of_alphas(answers: list[Answer], attribute: str) -> float | None:
    """Have `krippendorff` judge "said it or not" for each tag, and weigh each by the disagreement that chance gives."""
    palettes = [same for same in grouped(answers, "palette").values() if len(same) > 1]
    said = Counter(tag for same in palettes for one in same for tag in one.tags[attribute])
    total = sum(map(len, palettes))
    weights = {tag: times * (total - times) for tag, times in said.items() if times < total}
    alphas = {
        tag: krippendorff.alpha(
            value_counts=[
                [times := sum(tag in one.tags[attribute] for one in same), len(same) - times] for same in palettes
            ],
            level_of_measurement="nominal",
        )
        for tag in weights
    }
    return sum(weights[tag] * alphas[tag] for tag in weights) / sum(weights.values()) if weights else None


def mean_entropy(answers: list[Answer], attribute: str) -> float | None:
    """Have `nltk` say how spread the tags of each palette are."""
    entropies = []
    for same in grouped(answers, "palette").values():
        said = FreqDist(tag for one in same for tag in sorted(one.tags[attribute]))
        if said:
            entropies.append(entropy(MLEProbDist(said)) / math.log2(len(said)) if len(said) > 1 else 0.0)
    return fmean(entropies) if entropies else None


def changes(warehouse: Warehouse, answers: list[Answer], kinds: dict[str, bool], part: int) -> dict[Key, float | None]:
    """Compare each palette with itself under the version before; `part` 0 is the mean, 1 its standard error."""
    order = [
        version
        for (version,) in warehouse.rows("""
            select prompt_version from tag_results where prompt_version is not null
            group by prompt_version order by min(created_at) nulls last, prompt_version
        """)
    ]
    found: dict[Key, float | None] = {}
    for before, version in pairwise(order):
        for attribute, is_categorical in kinds.items():
            old, new = (palette_agreements(answers, one, attribute, is_categorical) for one in (before, version))
            differences = [new[palette] - old[palette] for palette in new.keys() & old.keys()]
            mean = fmean(differences) if differences else None
            error = stdev(differences) / math.sqrt(len(differences)) if len(differences) > 1 else None
            found[version, attribute, before] = (mean, error)[part]
    return found


def palette_agreements(answers: list[Answer], version: str, attribute: str, is_categorical: bool) -> dict[str, float]:
    """Of a tag that one answer said, the chance that another said it too: by asking each answer about each other."""
    found = {}
    for palette, same in grouped((one for one in answers if one.prompt_version == version), "palette").items():
        sets = [one.tags[attribute] for one in same if one.tags[attribute] or not is_categorical]
        asked = [tag in other for n, one in enumerate(sets) for tag in one for m, other in enumerate(sets) if m != n]
        if asked:
            found[palette] = fmean(asked)
    return found


def model_rows(answers: list[Answer], categorical: list[str]) -> dict[Key, dict[str, float | None]]:
    """Compare each model with the winner of the others, and with itself, by prompt version and over all."""
    compared: defaultdict[Key, list[tuple[str, str]]] = defaultdict(list)
    repeated: defaultdict[Key, list[bool]] = defaultdict(list)
    for attribute in categorical:
        for (_, version), same in by_group(answers).items():
            named = [one for one in same if one.coder[1] is not None]  # a model may be called ""
            votes = [(one.coder, *one.tags[attribute]) for one in named if one.tags[attribute]]
            for coder in {one[0] for one in votes}:
                own = [tag for voter, tag in votes if voter == coder]
                winners = Counter(tag for voter, tag in votes if voter != coder).most_common(2)
                has_winner = len(winners) == 1 or (len(winners) == 2 and winners[0][1] > winners[1][1])
                for scope in (version, None):
                    key = (scope, *coder, attribute)
                    repeated[key] += [one == other for one, other in combinations(own, 2)]
                    compared[key] += [(tag, winners[0][0]) for tag in own] if has_winner else []
    return {
        key: {
            "agreement": fmean(own == others for own, others in pairs) if (pairs := compared[key]) else None,
            "cohens_kappa": kappa(pairs),
            "self_consistency": fmean(repeated[key]) if repeated[key] else None,
        }
        for key in compared.keys() | repeated.keys()
    }


def by_group(answers: list[Answer]) -> dict[tuple[str, str], list[Answer]]:
    groups = defaultdict(list)
    for answer in answers:
        groups[answer.palette, answer.prompt_version].append(answer)
    return groups


def kappa(pairs: list[tuple[str, str]]) -> float | None:
    """Have `nltk` compare two coders, each pair of votes being an item."""
    if len({tag for pair in pairs for tag in pair}) < 2:
        return None  # nothing, or both always say the same
    votes = [(coder, item, pair[coder]) for item, pair in enumerate(pairs) for coder in (0, 1)]
    return AnnotationTask(data=votes).kappa()
