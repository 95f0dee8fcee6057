"""What `tag_pairs`, `tag_drift` and `attribute_drift` should hold, from what each answer said, in plain Python."""

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from fractions import Fraction
from itertools import permutations
from statistics import fmean
from typing import Any

import pytest
from distributions import holm, hypergeometric_two_sided_p, t_two_sided_p
from said import Answer, Attribute, both_sides, first_voices, grouped, read_answers, read_attributes, read_predecessors
from warehouse import Warehouse

Key = tuple[str, ...]
Row = dict[str, Any]
Sides = dict[str, tuple[list[set[str]], list[set[str]]]]
"""What the models said that both prompts share, by palette: now, and before."""

EXCHANGES = 39
ROUNDED = {"p_value": 6, "divergence": 9, "chance_divergence": 9}


def assert_pairs_and_drift_are_those_by_hand(warehouse: Warehouse) -> Counter[str]:
    """Assert it of each row, and count the rows of each table."""
    answers, attributes = read_answers(warehouse), read_attributes(warehouse)
    before = {version: one for version, one in read_predecessors(warehouse).items() if one is not None}
    compared: Counter[str] = Counter()
    for table, keys, expected in [
        ("tag_pairs", ["attribute", "canonical_tag", "other_attribute", "other_canonical_tag"], pairs(answers)),
        ("tag_drift", ["prompt_version", "attribute", "canonical_tag"], drift(answers, before, attributes)),
        ("attribute_drift", ["prompt_version", "attribute"], divergences(answers, before, attributes)),
    ]:
        columns = list(next(iter(expected.values()), {}))
        rows = warehouse.rows(f"select {', '.join([*keys, *columns])} from {table}")
        found = {row[: len(keys)]: dict(zip(columns, row[len(keys) :], strict=True)) for row in rows}
        assert found.keys() == expected.keys(), (table, found.keys() ^ expected.keys())
        for key, row in found.items():
            for column, value in row.items():
                assert value == close(column, expected[key][column]), (table, key, column)
        compared[table] = len(rows)
    return compared


def close(column: str, value: Any) -> Any:
    """Return what a value has to be like: of one that isn't whole, what rounding leaves."""
    if not isinstance(value, float | Fraction):
        return value
    return pytest.approx(float(value), rel=1e-9, abs=0.51 * 10 ** -ROUNDED.get(column, 9))


# Tags that go together


def pairs(answers: Iterable[Answer]) -> dict[Key, Row]:
    """Return a row for each ordered pair of tags that chance doesn't explain."""
    of_palette = grouped(answers, "palette")
    belongs: dict[tuple[str, str], set[str]] = defaultdict(set)
    for palette, same in of_palette.items():
        said = Counter((attribute, tag) for answer in same for attribute, tags in answer.tags.items() for tag in tags)
        for tag, count in said.items():
            if count / len(same) >= 0.25:
                belongs[tag].add(palette)
    total, floor = len(of_palette), max(5, len(of_palette) / 1000)
    frequent = {tag: palettes for tag, palettes in belongs.items() if len(palettes) >= floor}
    found = {}
    for one, other in permutations(frequent, 2):
        with_one, with_other = len(frequent[one]), len(frequent[other])
        both = len(frequent[one] & frequent[other])
        chance = hypergeometric_two_sided_p(both, with_one, with_other, total)
        p_value = min(Fraction(1), chance * math.comb(len(frequent), 2))
        if both >= floor and p_value <= Fraction(1, 20):
            found[*one, *other] = {
                "palette_count": both,
                "support": both / total,
                "confidence": both / with_one,
                "lift": both / with_one / (with_other / total),
                "expected_palettes": with_one * with_other / total,
                "p_value": p_value,
            }
    return found


# What a prompt changed


def compared_sides(
    answers: Iterable[Answer], before: Mapping[str, str], attributes: Mapping[str, Attribute]
) -> dict[tuple[str, str], Sides]:
    """Return by prompt version and attribute what the models said under it and under the one before."""
    of_version = grouped(answers, "prompt_version")
    found = {}
    for version, previous in before.items():
        for name, attribute in attributes.items():
            now, then = (
                first_voices(of_version.get(one, []), name, attribute.is_categorical) for one in (version, previous)
            )
            found[version, name] = both_sides(now, then)
    return found


def drift(answers: Iterable[Answer], before: Mapping[str, str], attributes: Mapping[str, Attribute]) -> dict[Key, Row]:
    """Return a row for each prompt version and tag, if enough models and palettes tell something of it."""
    found: dict[Key, Row] = {}
    for (version, name), sides in compared_sides(answers, before, attributes).items():
        rows: dict[Key, Row] = {
            (version, name, tag): drift_of(tag, sides)
            for tag in sorted({tag for palette in sides.values() for side in palette for said in side for tag in said})
            if len(sides) >= 10
            and sum(tag in said for palette in sides.values() for side in palette for said in side) >= 10
        }
        for key, p_value in holm({key: row["p_value"] for key, row in rows.items()}).items():
            rows[key]["p_value"] = p_value
        found |= rows
    return found


def drift_of(tag: str, sides: Sides) -> Row:
    """Compare the shares of a tag, palette by palette; the p value is the one before it is adjusted."""
    shares = [
        tuple(Fraction(sum(tag in said for said in side), len(side)) for side in palette) for palette in sides.values()
    ]
    differences = [now - before for now, before in shares]
    t_score, p_value, error = paired_t(differences)
    return {
        "shared_palette_count": len(sides),
        "answer_count": sum(tag in said for now, _ in sides.values() for said in now),
        "previous_answer_count": sum(tag in said for _, before in sides.values() for said in before),
        "share": mean([now for now, _ in shares]),
        "previous_share": mean([before for _, before in shares]),
        "share_change": mean(differences),
        "share_change_error": error,
        "t_score": t_score,
        "p_value": p_value,
    }


def mean(values: list[Fraction]) -> Fraction:
    return sum(values, Fraction(0)) / len(values)


def paired_t(differences: list[Fraction]) -> tuple[float | None, float, float]:
    """Return t, its two-sided p value and the standard error of the mean of two differences or more."""
    change, number = mean(differences), len(differences)
    variance = sum((one - change) ** 2 for one in differences) / (number - 1) / number
    error = math.sqrt(variance)
    if change == 0:
        return 0.0, 1.0, error
    if variance == 0:
        return None, 0.0, error
    t_score = float(change) / error
    return t_score, t_two_sided_p(t_score, number - 1), error


def divergences(
    answers: Iterable[Answer], before: Mapping[str, str], attributes: Mapping[str, Attribute]
) -> dict[Key, Row]:
    """Return a row for each prompt version and attribute of which both sides said something."""
    found = {}
    for key, sides in compared_sides(answers, before, attributes).items():
        now, then = tags_of(sides)
        if now and then:
            observed = divergence(now, then)
            exchanges = [tags_of(exchange(sides, number)) for number in range(EXCHANGES)]
            exchanged = [divergence(*both) for both in exchanges if all(both)]  # not one that leaves a side bare
            as_far = sum(round(one, 9) >= round(observed, 9) for one in exchanged)
            found[key] = {
                "shared_palette_count": len(sides),
                "tag_count": len(now.keys() | then.keys()),
                "added_tag_count": len(now.keys() - then.keys()),
                "dropped_tag_count": len(then.keys() - now.keys()),
                "divergence": observed,
                "chance_divergence": fmean(exchanged) if exchanged else None,
                "p_value": (1 + as_far) / (1 + len(exchanged)),
            }
    return found


def tags_of(sides: Sides) -> tuple[Counter[str], Counter[str]]:
    now, before = (
        Counter(tag for palette in sides.values() for said in palette[side] for tag in said) for side in (0, 1)
    )
    return now, before


def exchange(sides: Sides, number: int) -> Sides:
    """Let the two sides of a palette change places, or not, as one bit of its fingerprint says."""
    return {
        palette: (before, now) if changes_places(palette, number) else (now, before)
        for palette, (now, before) in sides.items()
    }


def changes_places(palette: str, number: int) -> bool:
    return int(hashlib.md5(palette.encode(), usedforsecurity=False).hexdigest()[:16], 16) >> number & 1 == 1


def divergence(now: Counter[str], before: Counter[str]) -> float:
    """Return the Jensen–Shannon divergence of two counts: H(m) - (H(p) + H(q)) / 2, in bits."""
    p, q = ({tag: count / side.total() for tag, count in side.items()} for side in (now, before))
    between = {tag: (p.get(tag, 0) + q.get(tag, 0)) / 2 for tag in p.keys() | q.keys()}
    return entropy(between) - (entropy(p) + entropy(q)) / 2


def entropy(shares: dict[str, float]) -> float:
    return -math.fsum(share * math.log2(share) for share in shares.values())
