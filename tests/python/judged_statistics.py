"""Compares the statistics of a warehouse with what packages that others wrote make of the same answers.

The judges begin with what each answer said (`answers`, `tag_values`), answer by answer and pair by pair, where the
models only know sums.
"""

import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from statistics import fmean
from typing import Any

import krippendorff
import numpy as np
import pytest
from distributions import holm
from nltk.metrics.agreement import AnnotationTask
from nltk.probability import FreqDist, MLEProbDist, entropy
from said import (
    Answer,
    Attribute,
    Voices,
    both_sides,
    first_voices,
    grouped,
    read_answers,
    read_attributes,
    read_predecessors,
)
from statistics_by_hand import mean, paired_t
from warehouse import Warehouse

Key = tuple[Any, ...]
Row = dict[str, Any]

ENOUGH_PALETTES = 10
DIGITS = {
    "krippendorff_alpha_lower_bound": 6,
    "krippendorff_alpha_upper_bound": 6,
    "agreement_change_p_value": 6,
    "mean_effective_tags": 8,
    "mean_effective_tags_change": 8,
}
"""To how many decimals these are compared; the others to nine. Those of `effective_tags` are made of rounded ones."""


def statistics_beside_others(warehouse: Warehouse) -> dict[str, dict[Key, tuple[Any, Any]]]:
    """Give, for each statistic and where it stands, ours and theirs."""
    answers, attributes = read_answers(warehouse), read_attributes(warehouse)
    categorical = [name for name, attribute in attributes.items() if attribute.is_categorical]
    quality = quality_rows(answers, attributes, read_predecessors(warehouse))
    of_version = grouped(answers, "prompt_version")
    return {
        **{
            column: beside(
                warehouse.rows(f"select prompt_version, attribute, {column} from prompt_version_quality"),
                {key: row[column] for key, row in quality.items()},
            )
            for column in next(iter(quality.values()), {})
        },
        "krippendorff_alpha, tag by tag": beside(
            warehouse.rows("""
                select prompt_version, attribute, krippendorff_alpha
                from prompt_version_quality join attributes using (attribute) where kind = 'list'
            """),
            {
                (version, name): mean_of_alphas(units(first_voices(same, name, is_categorical=False)))
                for version, same in of_version.items()
                for name in attributes.keys() - categorical
            },
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
    """Assert it to what is rounded, and count what was compared of each."""
    compared: Counter[str] = Counter()
    for statistic, pairs in statistics_beside_others(warehouse).items():
        within = 0.51 * 10 ** -DIGITS.get(statistic, 9)
        for where, (ours, theirs) in pairs.items():
            expected = (
                pytest.approx(float(theirs), rel=0.0, abs=within) if isinstance(theirs, float | Fraction) else theirs
            )
            assert ours == expected, (statistic, where)
            compared[statistic] += ours is not None
    return compared


def beside(rows: list[Key], theirs: dict[Key, Any]) -> dict[Key, tuple[Any, Any]]:
    """Put theirs beside the last column of our rows; what they don't have is null."""
    ours = {row[:-1]: row[-1] for row in rows}
    missing = {key for key, value in theirs.items() if value is not None} - ours.keys()
    assert not missing, missing
    return {key: (value, theirs.get(key)) for key, value in ours.items()}


# Prompt versions


def quality_rows(
    answers: list[Answer], attributes: dict[str, Attribute], before: dict[str, str | None]
) -> dict[Key, Row]:
    """Judge how far the models agree under each prompt version, and whether they do more than under the one before."""
    of_version = grouped(answers, "prompt_version")
    rows: dict[Key, Row] = {}
    for version, previous in before.items():
        changes = {}
        for name, attribute in attributes.items():
            now = first_voices(of_version[version], name, attribute.is_categorical)
            alphas = Alphas(units(now), attribute.is_categorical)
            bounds = alphas.bounds()
            rows[version, name] = {
                "palette_count": len(alphas.units),
                "krippendorff_alpha": alphas.alpha(),
                "krippendorff_alpha_lower_bound": bounds[0],
                "krippendorff_alpha_upper_bound": bounds[1],
                **spread(of_version[version], name, attribute.allowed),
            }
            if previous is not None:
                earlier = first_voices(of_version[previous], name, attribute.is_categorical)
                changes[name] = agreement_changes(now, earlier)
        p_values = holm({name: paired_t(many)[1] for name, many in changes.items() if len(many) >= ENOUGH_PALETTES})
        for name in attributes:
            row, compared = rows[version, name], changes.get(name, [])
            row |= {
                "previous_prompt_version": previous,
                "shared_palette_count": len(compared),
                "agreement_change": mean(compared) if compared else None,
                "agreement_change_error": paired_t(compared)[2] if len(compared) > 1 else None,
                "agreement_change_p_value": p_values.get(name),
            }
            row["verdict"] = None if previous is None else verdict(row)
            for column in ("krippendorff_alpha", "mean_entropy", "mean_effective_tags"):
                ours, theirs = row[column], None if previous is None else rows[previous, name][column]
                row[f"{column}_change"] = None if ours is None or theirs is None else ours - theirs
    return rows


def verdict(row: Row) -> str:
    if row["agreement_change_p_value"] is None:
        return "not comparable"
    if row["agreement_change_p_value"] > 0.05:
        return "no clear change"
    return "better" if row["agreement_change"] > 0 else "worse"


def units(voices: dict[str, Voices]) -> list[list[frozenset[str]]]:
    """List what was said of each palette on which two models or more have a voice."""
    return [[*map(frozenset, of_model.values())] for of_model in voices.values() if len(of_model) > 1]


@dataclass
class Alphas:
    """Has `krippendorff` compare the sets of tags; a categorical attribute's have one."""

    units: list[list[frozenset[str]]]
    is_categorical: bool

    def __post_init__(self) -> None:
        self.domain = list(dict.fromkeys(said for unit in self.units for said in unit))
        self.value_of = {said: value for value, said in enumerate(self.domain)}
        self.distances = np.array([[len(one ^ other) for other in self.domain] for one in self.domain], dtype=float)

    def alpha(self, without: int | None = None) -> float | None:
        coded = [[self.value_of[said] for said in unit] for place, unit in enumerate(self.units) if place != without]
        if len({code for codes in coded for code in codes}) < 2:
            return None  # what `krippendorff` refuses
        coders = max(map(len, coded))
        matrix = np.array([[*codes, *[np.nan] * (coders - len(codes))] for codes in coded]).T
        return krippendorff.alpha(
            reliability_data=matrix,
            value_domain=list(range(len(self.domain))),
            level_of_measurement="nominal" if self.is_categorical else self.apart,
        )

    def apart(self, v1: Any, v2: Any, i1: Any, i2: Any, n_v: Any, dtype: Any = float) -> Any:
        return self.distances[i1, i2]

    def bounds(self) -> tuple[float | None, float | None]:
        """Leave each palette out once: the jackknife's standard error, and 1.96 of it on both sides."""
        number = len(self.units)
        alpha, others = self.alpha(), [self.alpha(place) for place in range(number)]
        known = [one for one in others if one is not None]
        if alpha is None or number < ENOUGH_PALETTES or len(known) < number:
            return None, None
        error = math.sqrt((number - 1) / number * math.fsum((one - fmean(known)) ** 2 for one in known))
        return max(-1.0, alpha - 1.96 * error), min(1.0, alpha + 1.96 * error)


def mean_of_alphas(units: list[list[frozenset[str]]]) -> float | None:
    """Have `krippendorff` judge "said it or not" for each tag, and weigh each by the disagreement that chance gives."""
    said = Counter(tag for unit in units for one in unit for tag in one)
    total = sum(map(len, units))
    weights = {tag: times * (total - times) for tag, times in said.items() if times < total}
    alphas = {
        tag: krippendorff.alpha(
            value_counts=[[times := sum(tag in one for one in unit), len(unit) - times] for unit in units],
            level_of_measurement="nominal",
        )
        for tag in weights
    }
    return sum(weights[tag] * alphas[tag] for tag in weights) / sum(weights.values()) if weights else None


def spread(answers: list[Answer], attribute: str, allowed: int | None) -> Row:
    """Have `nltk` say how spread the tags of each palette are, in all answers to it."""
    bits = []
    for same in grouped(answers, "palette").values():
        said = FreqDist(tag for one in same for tag in sorted(one.tags[attribute]))
        if said:
            bits.append(abs(entropy(MLEProbDist(said))))
    return {
        "mean_entropy": fmean(min(1.0, one / math.log2(allowed)) for one in bits) if bits and allowed else None,
        "mean_effective_tags": fmean(2**one for one in bits) if bits else None,
    }


def agreement_changes(now: dict[str, Voices], before: dict[str, Voices]) -> list[Fraction]:
    """Compare each palette with itself, as the models see it that have a voice on both sides."""
    agreements = [[*map(agreement, sides)] for sides in both_sides(now, before).values()]
    return [new - old for new, old in agreements if new is not None and old is not None]


def agreement(voices: list[set[str]]) -> Fraction | None:
    """Of a tag that one model said, the chance that another said it too: by asking each model about each other."""
    asked = [tag in other for n, one in enumerate(voices) for tag in one for m, other in enumerate(voices) if m != n]
    return Fraction(sum(asked), len(asked)) if asked else None


# Models


def model_rows(answers: list[Answer], categorical: list[str]) -> dict[Key, dict[str, float | None]]:
    """Compare each model with the winner of the others, and with itself, by prompt version and over all."""
    compared: defaultdict[Key, list[tuple[str, str]]] = defaultdict(list)
    repeated: defaultdict[Key, list[bool]] = defaultdict(list)
    for attribute in categorical:
        for (_, version), same in by_group(answers).items():
            named = [one for one in same if one.model is not None]  # a model may be called ""
            votes = [((one.provider, one.model), *one.tags[attribute]) for one in named if one.tags[attribute]]
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
