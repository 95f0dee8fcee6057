"""The formulas of `macros/statistics.sql`, beside what is published of them."""

from pathlib import Path

import duckdb
import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

MACROS = Path(__file__).parents[2] / "macros" / "statistics.sql"


def lower_bound(votes: int, total: int) -> float:
    macros = jinja2.Environment(autoescape=False).from_string(MACROS.read_text()).module  # noqa: S701
    [bound] = duckdb.execute(f"select {vars(macros)['wilson_lower_bound'](votes, total)}").fetchall()[0]
    return bound


@pytest.mark.parametrize(
    ("votes", "total", "lower", "upper"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_bound_is_that_of_newcombes_examples(votes: int, total: int, lower: float, upper: float) -> None:
    """R. G. Newcombe, Statistics in Medicine 17 (1998), 857-872, table I, method 3."""
    assert lower_bound(votes, total) == pytest.approx(lower, abs=0.00005)
    assert 1 - lower_bound(total - votes, total) == pytest.approx(upper, abs=0.00005)


@given(st.integers(1, 10**6).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))))
def test_the_bound_lies_under_the_share_and_is_as_far_as_the_score_test_lets_it(counts: tuple[int, int]) -> None:
    votes, total = counts
    bound = lower_bound(votes, total)
    assert -1e-12 <= bound <= votes / total
    assert str(lower_bound(0, total)) == "0.0"
    assert (votes / total - bound) ** 2 == pytest.approx(1.96**2 * bound * (1 - bound) / total, abs=1e-11)
