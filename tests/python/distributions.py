"""Student's t and the hypergeometric distribution by their finite sums, and what many tests make of a p value."""

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import TypeVar

Name = TypeVar("Name")


def t_two_sided_p(t: float, df: int) -> float:
    """Return the chance of a value at least as far from 0 as `t`: Abramowitz and Stegun, 26.7.3 and 26.7.4."""
    angle = math.atan(abs(t) / math.sqrt(df))
    cosine, is_odd = math.cos(angle), df % 2
    terms, term = [], cosine if is_odd else 1.0
    for place in range(2 + is_odd, df + 1, 2):
        terms.append(term)
        term *= cosine**2 * (place - 1) / place
    series = math.sin(angle) * math.fsum(terms)
    within = 2 / math.pi * (angle + series) if is_odd else series
    return min(1.0, max(0.0, 1 - within))


def hypergeometric_two_sided_p(together: int, one: int, other: int, everything: int) -> Fraction:
    """Return the chance of two sets of `one` and `other` of all being as far from chance as when they share `together`.

    It is twice the chance of the tail that `together` lies in.
    """
    least, most = max(0, one + other - everything), min(one, other)
    tail = range(together, most + 1) if together * everything >= one * other else range(least, together + 1)
    ways = sum(math.comb(one, both) * math.comb(everything - one, other - both) for both in tail)
    return min(Fraction(1), Fraction(2 * ways, math.comb(everything, other)))


def holm(p_values: Mapping[Name, float]) -> dict[Name, float]:
    """Adjust p values for their number: the least times all, the next times one less, and none below one before it."""
    adjusted: dict[Name, float] = {}
    greatest = 0.0
    for tests, name in zip(range(len(p_values), 0, -1), sorted(p_values, key=p_values.__getitem__), strict=True):
        greatest = max(greatest, min(1.0, tests * p_values[name]))
        adjusted[name] = greatest
    return adjusted
