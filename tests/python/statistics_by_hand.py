"""What `tag_pairs`, `tag_drift` and `attribute_drift` should hold, from what each answer said, in plain Python.

None of it looks at a table of counts: only at answers, and at the values of `tag_values`.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise, permutations

Tag = tuple[str, str]
"""An attribute, and a canonical tag of it."""


@dataclass(frozen=True)
class Answer:
    """An answer that counts, and the canonical tags in it that can be published."""

    palette: str
    prompt_version: str
    created_at: datetime
    tags: frozenset[Tag]


def pairs(answers: Iterable[Answer]) -> dict[tuple[str, ...], tuple[float, ...]]:
    """Return for each ordered pair of tags its palettes, support, confidence and lift."""
    of_palette: dict[str, list[Answer]] = defaultdict(list)
    for answer in answers:
        of_palette[answer.palette].append(answer)
    belongs: dict[Tag, set[str]] = defaultdict(set)
    for palette, said in of_palette.items():
        for tag, count in Counter(tag for answer in said for tag in answer.tags).items():
            if count / len(said) >= 0.25:
                belongs[tag].add(palette)
    total, floor = len(of_palette), max(5, len(of_palette) / 1000)
    found = {}
    for one, other in permutations((tag for tag, palettes in belongs.items() if len(palettes) >= floor), 2):
        both = len(belongs[one] & belongs[other])
        if both >= floor:
            confidence = both / len(belongs[one])
            lift = confidence / (len(belongs[other]) / total)
            found[*one, *other] = (both, both / total, confidence, lift)
    return found


def versions(answers: Iterable[Answer]) -> dict[str, list[Answer]]:
    """Return the answers by prompt version, in the order of the versions' first answers."""
    of_version: dict[str, list[Answer]] = defaultdict(list)
    for answer in sorted(answers, key=lambda one: one.created_at):
        of_version[answer.prompt_version].append(answer)
    return of_version


def drift(answers: Iterable[Answer]) -> dict[tuple[str, ...], tuple[float, ...]]:
    """Return for each prompt version and tag the two shares, their difference and its z.

    The z is made from the binomial variances of both sides under one pooled share, as the chi-squared of the two by two
    table: z squared is that statistic.
    """
    found = {}
    for (_, before), (version, now) in pairwise(versions(answers).items()):
        counts, earlier = (Counter(tag for answer in side for tag in answer.tags) for side in (now, before))
        for tag in counts.keys() | earlier.keys():
            said, said_before = counts[tag], earlier[tag]
            if said + said_before >= 10:
                share, share_before = said / len(now), said_before / len(before)
                change = share - share_before
                z = math.copysign(math.sqrt(chi_squared(said, len(now), said_before, len(before))), change)
                found[version, *tag] = (share, share_before, change, z)
    return found


def chi_squared(one: int, of_one: int, other: int, of_other: int) -> float:
    """Return Pearson's statistic of a two by two table: what was seen beside what was to be expected, cell by cell."""
    seen = [one, of_one - one, other, of_other - other]
    everything, yes = of_one + of_other, one + other
    expected = [side * kind / everything for side in (of_one, of_other) for kind in (yes, everything - yes)]
    return sum((s - e) ** 2 / e for s, e in zip(seen, expected, strict=True) if e)


def divergence(answers: Iterable[Answer]) -> dict[tuple[str, ...], float]:
    """Return for each prompt version and attribute the Jensen–Shannon divergence: H(m) - (H(p) + H(q)) / 2, in bits."""
    found = {}
    for (_, before), (version, now) in pairwise(versions(answers).items()):
        sides = [Counter(tag for answer in side for tag in answer.tags) for side in (now, before)]
        for attribute in {tag[0] for side in sides for tag in side}:
            p, q = ({tag: n for tag, n in side.items() if tag[0] == attribute} for side in sides)
            if p and q:
                p, q = ({tag: n / sum(side.values()) for tag, n in side.items()} for side in (p, q))
                mean = {tag: (p.get(tag, 0) + q.get(tag, 0)) / 2 for tag in p.keys() | q.keys()}
                found[version, attribute] = entropy(mean) - (entropy(p) + entropy(q)) / 2
    return found


def entropy(shares: dict[Tag, float]) -> float:
    return -math.fsum(share * math.log2(share) for share in shares.values())
