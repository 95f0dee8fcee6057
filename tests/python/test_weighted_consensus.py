"""The weighted consensus is that of Dawid and Skene: beside crowd-kit, and beside a plain model of it in Python."""

import random

import duckdb
import pytest
from dawid_skene import Fit, Vote, by_crowd_kit, by_hand, by_the_project, largest_differences, sql_of
from hypothesis import given, settings
from hypothesis import strategies as st

TOLERANCE = 1e-8
VOTES = st.lists(st.tuples(st.integers(1, 6), st.integers(1, 4), st.integers(1, 6)), min_size=1, max_size=40)


def simulated(seed: int, items: int = 150, models: int = 8, tags: int = 4, runs: int = 2) -> list[Vote]:
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


@settings(max_examples=12)
@given(votes=VOTES, panels=st.integers(1, 6))
def test_any_votes_of_any_number_of_panels_give_what_the_paper_says(votes: list[Vote], panels: int) -> None:
    assert max(largest_differences(by_the_project(votes, panels=panels), by_hand(votes))) < TOLERANCE


def test_votes_of_unequal_models_give_what_the_paper_says() -> None:
    votes = simulated(0)
    assert max(largest_differences(by_the_project(votes), by_hand(votes))) < TOLERANCE


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("smoothed", [True, False])
def test_crowd_kit_finds_the_same(seed: int, smoothed: bool) -> None:
    votes = simulated(seed, tags=2 + seed % 3)
    ours = by_the_project(votes) if smoothed else by_the_project(votes, pseudo_votes=1e-10)
    theirs = by_crowd_kit(votes, pseudo_votes=1.0 if smoothed else 0.0)
    posteriors, error_rates = largest_differences(ours, theirs)
    print(f"\nseed {seed}, {'add-one' if smoothed else 'as it comes'}: {posteriors:.1e}, {error_rates:.1e}")
    assert max(posteriors, error_rates) < TOLERANCE
    assert winners(ours) == winners(theirs)


def test_the_vote_of_one_reliable_model_may_outweigh_two_that_guess() -> None:
    """Models 1 and 2 agree, 3 often says otherwise: where 2 goes with 3, few of the votes for 11 can be relied on."""
    ways = [((10, 10, 11), 30), ((11, 11, 10), 30), ((10, 10, 10), 20), ((11, 11, 11), 20), ((10, 11, 11), 3)]
    items = [said for said, count in ways for _ in range(count)]
    votes = [(item, model, tag) for item, said in enumerate(items, start=1) for model, tag in enumerate(said, start=1)]
    fit = by_the_project(votes)
    assert fit.posteriors[len(items), 10] == pytest.approx(0.713541222889, abs=1e-12)
    assert fit.posteriors[len(items), 11] == pytest.approx(0.286458777111, abs=1e-12)


@pytest.mark.parametrize("tags", range(2, 8))
def test_the_weight_of_a_model_that_guesses_is_0_without_a_sign(tags: int) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"""
            create table model_confusion as
            select 'contrast' as attribute, 'guesses' as model, tag as true_tag, 0 as said_tag, 1e0 as expected_votes
            from range({tags}) as tags(tag)
        """)
        (row,) = connection.execute(sql_of("model_reliability")).fetchall()
    assert str(row) == f"('contrast', 'guesses', {tags}, {round(1 / tags, 6)}, 0.0)"


def winners(fit: Fit) -> dict[int, int]:
    """Return the tag with the highest posterior, by item."""
    best: dict[int, int] = {}
    for item, tag in fit.posteriors:
        if item not in best or fit.posteriors[item, tag] > fit.posteriors[item, best[item]]:
            best[item] = tag
    return best
