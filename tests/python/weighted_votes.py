"""The weighted consensus by the formulas of the paper, in numpy: an independent judge of the SQL."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

Vote = tuple[int, int, int]
"""Item, model, tag."""


@dataclass(frozen=True)
class Fit:
    """Weights by model, means by tag, and how many steps it took."""

    weights: dict[int, float]
    means: dict[int, float]
    steps: int


def voter_shares(votes: list[Vote]) -> dict[Vote, float]:
    """Return which part of a model's votes on an item said a tag."""
    of_model: dict[tuple[int, int], int] = defaultdict(int)
    of_tag: dict[Vote, int] = defaultdict(int)
    for item, model, tag in votes:
        of_model[item, model] += 1
        of_tag[item, model, tag] += 1
    return {(item, model, tag): count / of_model[item, model] for (item, model, tag), count in of_tag.items()}


def fit(votes: list[Vote], prior_votes: float = 15, least_prior_error: float = 0.01, tolerance: float = 1e-9) -> Fit:
    """Go by Li, Rubinstein and Cohn (2019): scores from weights and means, these from scores, until they stay."""
    shares = voter_shares(votes)
    items, models, tags = (sorted({key[place] for key in shares}) for place in range(3))
    rows = np.array([(items.index(i), models.index(m), tags.index(t)) for i, m, t in shares])
    w = np.array([*shares.values()])
    item, model, tag = rows.T
    voters = np.zeros((len(items), len(tags)))
    np.add.at(voters, (item, tag), w)
    scores = voters / voters.sum(axis=1, keepdims=True)
    open_shares = 1 - (scores**2).sum(axis=1)
    prior_error = max(least_prior_error, (w * open_shares[item]).sum() / w.sum() * 4 * (1 - 1 / len(tags)))
    before, steps = None, 0
    while steps < 200:
        means = scores.mean(axis=0)
        errors = (scores**2).sum(axis=1)[item] - 2 * scores[item, tag] + 1
        weights = (prior_votes + np.bincount(model, w)) / (prior_votes * prior_error + np.bincount(model, w * errors))
        if before is not None:
            change = max(np.abs(weights / before[0] - 1).max(), np.abs(means - before[1]).max())
            if change < tolerance:
                break
            steps += 1
        before = weights, means
        strengths = np.zeros_like(scores)
        np.add.at(strengths, (item, tag), w * weights[model])
        scores = (means + strengths) / (1 + strengths.sum(axis=1, keepdims=True))
    return Fit(dict(zip(models, weights, strict=True)), dict(zip(tags, means, strict=True)), steps)


def scores(votes: list[Vote], weights: dict[int, float], means: dict[int, float]) -> dict[int, dict[int, float]]:
    """Return, by item and tag that was said of it, what its votes and its mean weigh."""
    found: dict[int, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    for (item, model, tag), share in voter_shares(votes).items():
        found[item][tag] += share * weights[model]
    return {item: {tag: strength + means[tag] for tag, strength in tags.items()} for item, tags in found.items()}
