"""The weighted consensus is what the paper's formulas give: beside numpy, and by hand."""

import hashlib
import random
from collections import defaultdict

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from weighted_votes import Vote, fit, scores, voter_shares

from benchmarks.simulate import accuracies, draw
from benchmarks.weighing import weigh

TOLERANCE = 1e-8
VOTES = st.lists(st.tuples(st.integers(1, 6), st.integers(1, 4), st.integers(1, 6)), min_size=1, max_size=40)


def simulated(seed: int, items: int = 60, models: int = 8, tags: int = 4, runs: int = 2) -> list[Vote]:
    """Draw votes: some models are good, some guess, one takes the first tag for the second, some are missing."""
    rng = random.Random(seed)
    skills = [rng.uniform(0.3, 0.95) for _ in range(models)]
    votes = []
    for item in range(1, items + 1):
        true = rng.randint(1, tags)
        for model, skill in enumerate(skills, start=1):
            for _ in range(runs):
                tag = true if rng.random() < skill else rng.randint(1, tags)
                if rng.random() < 0.9:
                    votes.append((item, model, 2 if model == 1 and tag == 1 else tag))
    return votes


def weighed(votes: list[Vote], **overrides: object) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("create table votes (attribute integer, item integer, model integer, tag integer)")
    connection.executemany("insert into votes values (1, ?, ?, ?)", votes)
    weigh(connection, **overrides)
    return connection


def estimates(connection: duckdb.DuckDBPyConnection) -> tuple[dict[int, float], dict[int, float]]:
    """Return the weights by model and the means by tag."""
    rows = connection.execute("select model_key, canonical_tag_key, estimate from int_vote_weights").fetchall()
    return {m: e for m, t, e in rows if m}, {t: e for m, t, e in rows if not m}


def check_fit(connection: duckdb.DuckDBPyConnection, votes: list[Vote]) -> None:
    weights, means = estimates(connection)
    expected = fit(votes)
    assert weights.keys() == expected.weights.keys()
    assert means.keys() == expected.means.keys()
    assert max(abs(weights[m] / w - 1) for m, w in expected.weights.items()) < TOLERANCE
    assert max(abs(means[t] - mean) for t, mean in expected.means.items()) < TOLERANCE


def check_winners(connection: duckdb.DuckDBPyConnection, votes: list[Vote]) -> None:
    """Who wins, with which share, and who would win without a model."""
    weights, means = estimates(connection)
    of_item = scores(votes, weights, means)
    for item, winner, share in connection.execute(
        "select palette_seed::integer, winner::integer, weighted_share from weighted_consensus"
    ).fetchall():
        said = of_item.pop(item)
        total = 1 + sum(score - means[tag] for tag, score in said.items())
        assert said[winner] == pytest.approx(max(said.values()), abs=1e-6)
        assert share == pytest.approx(said[winner] / total, abs=0.005 + 1e-6)
    assert not of_item

    found = {
        (m, said, others): float(count)
        for m, said, others, count in connection.execute(
            "select model_key, canonical_tag_key, others_canonical_tag_key, items from int_weighted_vote_contingency"
        ).fetchall()
    }
    for (item, model, tag), share in voter_shares(votes).items():
        others = [vote for vote in votes if vote[0] == item and vote[1] != model]
        if len({vote[1] for vote in others}) < 2:
            continue
        left = scores(others, weights, means)[item]
        best = [t for t, score in left.items() if score > max(left.values()) - 1e-6]
        if len(best) == 1:
            assert (model, tag, best[0]) in found
        key = next(key for t in best if (key := (model, tag, t)) in found)
        found[key] -= share
    assert all(abs(count) < 1e-4 for count in found.values())


@settings(max_examples=8)
@given(votes=VOTES)
def test_any_votes_give_what_the_paper_says(votes: list[Vote]) -> None:
    with weighed(votes) as connection:
        check_fit(connection, votes)
        check_winners(connection, votes)


@pytest.mark.parametrize("seed", [0, 1])
def test_votes_of_unequal_models_give_what_the_paper_says(seed: int) -> None:
    votes = simulated(seed)
    with weighed(votes) as connection:
        check_fit(connection, votes)
        check_winners(connection, votes)


def test_weights_by_hand() -> None:
    """Two models agree on two items, and a third differs on one.

    Shares (1, 0) and (2/3, 1/3): open by 0 and 4/9, so the prior error is (4/9 · 3/6) · 4 · 1/2 = 4/9. Errors of
    step 0: for the first two 0 and (1/3)² + (1/3)²; for the third 0 and (2/3)² + (2/3)².
    """
    with weighed([(1, 1, 1), (1, 2, 1), (1, 3, 1), (2, 1, 1), (2, 2, 1), (2, 3, 2)], most_steps=0) as connection:
        rows = connection.execute(
            "select model_key, canonical_tag_key, estimate from int_vote_weights order by all"
        ).fetchall()
    agreeing, differing = 17 / (15 * 4 / 9 + 2 / 9), 17 / (15 * 4 / 9 + 8 / 9)
    expected = [(0, 1, 5 / 6), (0, 2, 1 / 6), (1, 0, agreeing), (2, 0, agreeing), (3, 0, differing)]
    assert rows == [(m, t, pytest.approx(e, abs=1e-11)) for m, t, e in expected]


def test_a_model_that_is_asked_three_times_is_one_voter() -> None:
    """Model 1 says 1 three times, models 2 and 3 say 2 once: as voters, two of three say 2."""
    votes = [(item, 1, 1) for item in range(1, 9) for _ in range(3)]
    votes += [(item, model, 2) for item in range(1, 9) for model in (2, 3)]
    with weighed(votes) as connection:
        rows = connection.execute("select distinct winner, majority_winner from weighted_consensus").fetchall()
    assert rows == [("2", "1")]


def test_the_winner_is_a_tag_that_somebody_said() -> None:
    """Tag 1 is said of a hundred items by all, tag 2 of one item by one model: there 2 wins, however common 1 is."""
    votes = [(item, model, 1) for item in range(1, 101) for model in (1, 2, 3)] + [(101, 3, 2)]
    with weighed(votes) as connection:
        (row,) = connection.execute("select winner from weighted_consensus where palette_seed = '101'").fetchall()
    assert row == ("2",)


def test_weights_are_fitted_on_the_first_items_of_each_model_by_a_hash() -> None:
    """So a model that votes on few palettes, or on others than all the rest, has a part in the fit all the same."""
    votes = [*simulated(3), *((1000 + item, model, 1 + item % 4) for item in range(40) for model in (1, 9))]
    places: dict[int, list[str]] = defaultdict(list)
    for item, model, _ in {*votes}:
        places[model].append(place(item))
    last_places = {model: sorted(found)[:30][-1] for model, found in places.items()}
    fitted = {item for item, model, _ in votes if place(item) <= last_places[model]}
    assert 30 < len(fitted) < 100
    with weighed(votes, fitted_votes=30) as connection:
        check_fit(connection, [vote for vote in votes if vote[0] in fitted])
        ((count,),) = connection.execute("select count(distinct palette_seed) from weighted_consensus").fetchall()
    assert count == 100


def place(item: int) -> str:
    return hashlib.md5(f"{item} v".encode(), usedforsecurity=False).hexdigest()


def test_shared_mistakes_make_it_no_worse_than_the_majority() -> None:
    """`make simulate` looks at more worlds and sizes."""
    majority, weighted, steps = accuracies(draw(worlds=4, palettes=200, runs=2, is_shared=True, seed=1)).mean(axis=0)
    assert 0.7 < majority < 0.95
    assert weighted > majority - 0.01
    assert steps < 199


def test_worlds_beside_each_other_have_a_fit_each() -> None:
    """Each attribute converges by itself, in as many steps as it takes alone."""
    one, other = simulated(4, items=20), simulated(5, items=30, tags=2)
    with duckdb.connect() as connection:
        connection.execute("create table votes (attribute integer, item integer, model integer, tag integer)")
        connection.executemany("insert into votes values (1, ?, ?, ?)", one)
        connection.executemany("insert into votes values (2, ?, ?, ?)", other)
        weigh(connection)
        together = dict(
            connection.execute("select attribute_key, max(step_count) from int_vote_weights group by all").fetchall()
        )
    for attribute, votes in ((1, one), (2, other)):
        with weighed(votes) as connection:
            assert connection.execute("select max(step_count) from int_vote_weights").fetchone() == (
                together[attribute],
            )


@pytest.mark.parametrize("threads", [pytest.param(1, marks=pytest.mark.further), 4])
def test_estimates_are_the_same_bytes_with_any_number_of_threads(threads: int) -> None:
    votes = simulated(6, items=200)
    with duckdb.connect(config={"threads": threads}) as connection:
        connection.execute("create table votes (attribute integer, item integer, model integer, tag integer)")
        connection.executemany("insert into votes values (1, ?, ?, ?)", votes)
        connection.execute("set threads = 2" if threads == 4 else "select 1")
        weigh(connection)
        found = connection.execute(
            "select md5(string_agg(t::varchar, '' order by t::varchar)) from int_vote_weights as t"
        )
        digest = found.fetchone()
    with weighed(list(reversed(votes))) as connection:
        again = connection.execute(
            "select md5(string_agg(t::varchar, '' order by t::varchar)) from int_vote_weights as t"
        )
        assert again.fetchone() == digest
