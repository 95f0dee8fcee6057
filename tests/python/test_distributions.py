"""The distributions that judge the statistics, beside printed tables."""

import math
from fractions import Fraction

import pytest
from distributions import holm, hypergeometric_two_sided_p, t_two_sided_p
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("df", "of_five_percent", "of_one_percent"),
    [
        (1, 12.706, 63.657),
        (2, 4.303, 9.925),
        (3, 3.182, 5.841),
        (9, 2.262, 3.250),
        (10, 2.228, 3.169),
        (29, 2.045, 2.756),
        (60, 2.000, 2.660),
        (100, 1.984, 2.626),
        (120, 1.980, 2.617),
    ],
)
def test_quantiles_of_t_are_those_of_the_tables(df: int, of_five_percent: float, of_one_percent: float) -> None:
    """Abramowitz and Stegun, table 26.10; they print three decimals."""
    for quantile, p in ((of_five_percent, 0.05), (of_one_percent, 0.01)):
        assert t_two_sided_p(quantile + 0.0005, df) <= p <= t_two_sided_p(quantile - 0.0005, df)
        assert t_two_sided_p(-quantile, df) == t_two_sided_p(quantile, df)


@given(st.floats(0, 50), st.integers(1, 400))
def test_the_series_of_t_is_the_integral_of_its_density(t: float, df: int) -> None:
    constant = math.exp(math.lgamma((df + 1) / 2) - math.lgamma(df / 2)) / math.sqrt(df * math.pi)
    steps = 4000  # Simpson's rule over the angle whose tangent is t by the root of df: a bounded, smooth integrand
    width = math.atan(t / math.sqrt(df)) / steps
    heights = [math.cos(place * width) ** (df - 1) for place in range(steps + 1)]
    inner = 4 * math.fsum(heights[1:-1:2]) + 2 * math.fsum(heights[2:-1:2])
    within = 2 * constant * math.sqrt(df) * width / 3 * (heights[0] + inner + heights[-1])
    assert t_two_sided_p(t, df) == pytest.approx(1 - within, abs=1e-9)


def test_a_lady_who_tastes_tea_is_judged_as_fisher_did() -> None:
    """The Design of Experiments (1935): four cups of eight, of which she names four, three or two."""
    assert [hypergeometric_two_sided_p(right, 4, 4, 8) for right in (4, 3, 1, 0)] == [
        2 * Fraction(one, 70) for one in (1, 17, 17, 1)
    ]
    assert hypergeometric_two_sided_p(2, 4, 4, 8) == 1


def test_holm_adjusts_the_least_most_and_keeps_the_order() -> None:
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005}) == pytest.approx(
        {"d": 0.02, "a": 0.03, "c": 0.06, "b": 0.06}
    )
    assert holm({"a": 0.6, "b": 0.7}) == {"a": 1.0, "b": 1.0}
    assert holm({}) == {}
