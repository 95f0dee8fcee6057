"""The weighted consensus is that of Dawid and Skene: beside crowd-kit, and beside a plain model of it in Python."""

import random

import pytest
from dawid_skene import Fit, Vote, by_crowd_kit, by_hand, by_the_project, largest_differences
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
@given(votes=VOTES)
def test_any_votes_give_what_the_paper_says(votes: list[Vote]) -> None:
    assert max(largest_differences(by_the_project(votes), by_hand(votes))) < TOLERANCE


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


def winners(fit: Fit) -> dict[int, int]:
    """Return the tag with the highest posterior, by item."""
    best: dict[int, int] = {}
    for item, tag in fit.posteriors:
        if item not in best or fit.posteriors[item, tag] > fit.posteriors[item, best[item]]:
            best[item] = tag
    return best
