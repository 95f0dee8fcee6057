"""Where the weighted consensus helps and where not, on votes that were drawn, so the truth is known: `make simulate`.

Twelve models of accuracy 0.5 to 0.95 vote on palettes of four tags. Each has confusions of its own; a quarter has a
favourite that it says instead of half of its mistakes. Asked again, a model says the same in about 85 % of the cases.
With *shared* mistakes, all models lean towards the same wrong tag on 30 % of the palettes, as language models do.

Then 1 % of the palettes get the votes of others, and the rows are counted that differ in any column.

Many worlds stand side by side in one database, as attributes: each has a fit of its own. Where tags tie, each counts by
its chance, for both methods.
"""

import argparse
import sys
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa
from rich.console import Console
from rich.table import Table

from benchmarks.weighing import weigh

MODELS, TAGS = 12, 4
LEANING_SHARE, LEANING = 0.3, 0.4
"""On which share of the palettes models lean towards a wrong tag, and how often each says it there."""
REPEATING = 0.8
"""How often a model, asked again, gives its first answer without thinking again; by chance it then agrees in 85 %."""


@dataclass(frozen=True)
class Drawn:
    """Votes (world, item, model, tag), and the true tag of each item, all from 1."""

    votes: pa.Table
    truth: pa.Table


def draw(worlds: int, palettes: int, runs: int, is_shared: bool, seed: int) -> Drawn:
    """Draw the votes of many worlds."""
    rng = np.random.default_rng([seed, palettes, runs, is_shared])
    votes, truths = [], []
    for world in range(worlds):
        truth = rng.integers(TAGS, size=palettes)
        wrong = (truth + rng.integers(1, TAGS, size=palettes)) % TAGS
        leaning = (rng.random(palettes) < LEANING_SHARE) & is_shared
        skills = rng.permutation(np.linspace(0.5, 0.95, MODELS))
        confusions = rng.dirichlet(np.ones(TAGS), size=(MODELS, TAGS))
        favourites = np.where(np.arange(MODELS) < MODELS // 4, rng.integers(TAGS, size=MODELS), -1)
        for model in range(MODELS):
            first = _answers(rng, truth, wrong, leaning, skills[model], confusions[model], favourites[model])
            for run in range(runs):
                again = _answers(rng, truth, wrong, leaning, skills[model], confusions[model], favourites[model])
                said = first if run == 0 else np.where(rng.random(palettes) < REPEATING, first, again)
                votes.append(
                    (np.full(palettes, world + 1), np.arange(palettes) + 1, np.full(palettes, model + 1), said + 1)
                )
        truths.append((np.full(palettes, world + 1), np.arange(palettes) + 1, truth + 1))
    return Drawn(_table(votes, "attribute", "item", "model", "tag"), _table(truths, "attribute", "item", "true_tag"))


def _answers(
    rng: np.random.Generator,
    truth: np.ndarray,
    wrong: np.ndarray,
    leaning: np.ndarray,
    skill: float,
    confusion: np.ndarray,
    favourite: int,
) -> np.ndarray:
    count = len(truth)
    others = np.array([_drawn(rng, np.where(np.arange(TAGS) == tag, 0, confusion[tag]), count) for tag in range(TAGS)])
    mistake = others[truth, np.arange(count)]
    if favourite >= 0:
        mistake = np.where((rng.random(count) < 0.5) & (truth != favourite), favourite, mistake)
    said = np.where(rng.random(count) < skill, truth, mistake)
    return np.where(leaning & (rng.random(count) < LEANING), wrong, said)


def _drawn(rng: np.random.Generator, weights: np.ndarray, count: int) -> np.ndarray:
    return rng.choice(TAGS, size=count, p=weights / weights.sum())


def _table(columns: list[tuple[np.ndarray, ...]], *names: str) -> pa.Table:
    return pa.table(
        {
            name: np.concatenate(parts).astype(np.int32)
            for name, parts in zip(names, zip(*columns, strict=True), strict=True)
        }
    )


def accuracies(drawn: Drawn) -> np.ndarray:
    """Return for each world the accuracy of the majority, that of the weighted consensus, and the steps it took."""
    with duckdb.connect() as connection:
        connection.register("votes", drawn.votes)
        connection.register("truth", drawn.truth)
        weigh(connection)
        rows = connection.execute("""
            with ranked as (
                select
                    *,
                    vote_count = max(vote_count) over item as has_most_votes,
                    score = max(score) over item as has_most_weight
                from int_tag_strengths
                window item as (partition by palette_prompt_key, attribute_key)
            ),
            judged as (
                select
                    attribute_key,
                    count(*) filter (has_most_votes and is_true) / count(*) filter (has_most_votes) as majority,
                    count(*) filter (has_most_weight and is_true) / count(*) filter (has_most_weight) as weighted
                from (
                    select ranked.*, canonical_tag_key % 1000000 = true_tag as is_true
                    from ranked
                    inner join truth on palette_prompt_key = item and attribute_key = attribute
                )
                group by attribute_key, palette_prompt_key
            ),
            steps as (select attribute_key, max(step_count) as steps from int_vote_weights group by all)
            select avg(majority), avg(weighted), max(steps)
            from judged inner join steps using (attribute_key)
            group by attribute_key order by attribute_key
        """).fetchall()
    return np.array(rows)


def differing(drawn: Drawn, palettes: int) -> np.ndarray:
    """Return for each world the share of rows that differ when 1 % of the palettes have the votes of the next ones."""
    count = max(1, palettes // 100)
    after = f"""
        from drawn where item > {count}
        union all
        select * replace (item - {count} as item) from drawn where item > {count} and item <= 2 * {count}
    """
    with duckdb.connect() as connection:
        connection.register("drawn", drawn.votes)
        for name, votes in (("was", "from drawn"), ("is_now", after)):
            connection.execute(f"create or replace table votes as {votes}")
            weigh(connection)
            connection.execute(f"create table {name} as from weighted_consensus")
        rows = connection.execute("""
            select avg(cast(was is distinct from is_now as integer))
            from was full join is_now using (attribute, palette_seed)
            group by attribute order by cast(attribute as integer)
        """).fetchall()
    return np.array(rows)[:, 0]


def main() -> int:
    """Print a table of all that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--palettes", type=int, nargs="+", default=[25, 100, 500, 2000])
    parser.add_argument("--runs", type=int, nargs="+", default=[1, 2, 4], help="how often each model is asked")
    parser.add_argument("--worlds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    columns = ("mistakes", "palettes", "runs", "majority", "weighted", "difference, points", "worst world", "steps")
    columns += ("differ after 1 %", "most")
    table = Table(*columns, title=f"Accuracy, means of {options.worlds} worlds, seed {options.seed}")
    for is_shared in (False, True):
        for palettes in options.palettes:
            for runs in options.runs:
                drawn = draw(options.worlds, palettes, runs, is_shared, options.seed)
                found, differ = accuracies(drawn), differing(drawn, palettes)
                majority, weighted, steps = found.T
                table.add_row(
                    "shared" if is_shared else "own",
                    f"{palettes:,}",
                    str(runs),
                    f"{majority.mean():.4f}",
                    f"{weighted.mean():.4f}",
                    f"{100 * (weighted - majority).mean():+.2f}",
                    f"{100 * (weighted - majority).min():+.1f}",
                    f"{steps.max():.0f}",
                    f"{differ.mean():.1%}",
                    f"{differ.max():.1%}",
                )
    Console(width=140).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
