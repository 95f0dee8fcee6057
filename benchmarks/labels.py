"""The weighted consensus on real votes with known answers: `make labels LABELS=DIR`.

A set is a CSV file with the columns `item`, `worker`, `label` and `gold` (the right answer, where it is known), a row a
vote. Each set is landed as documents, a palette an item and a model a worker, and built by the project; then winners
are compared with what is known. Where several tags have most votes, the majority draws: each counts by its chance. A
second table says what the other statistics tell of it.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from statistics import correlation, fmean
from typing import Any

import duckdb
from rich.console import Console
from rich.table import Table

PROJECT = Path(__file__).resolve().parents[1]
CROWD_KIT = PROJECT / ".venv-crowdkit" / "bin" / "python"
ATTRIBUTE = "contrast"
TABLES = ("weighted_consensus", "attribute_consensus", "model_reliability", "model_agreement", "prompt_version_quality")
TESTS = ("resource_type:test", "resource_type:unit_test")
SURE = 0.95
"""From which weighted share on a winner is looked at apart."""
KNOWN_VOTES = 20
"""How many votes on items with a known label a worker needs to be ranked."""


@dataclass(frozen=True)
class LabelledVotes:
    """Votes (item, worker, label), and the right label of some of the items."""

    name: str
    votes: list[tuple[str, str, str]]
    gold: dict[str, str]

    @classmethod
    def read(cls, path: Path) -> "LabelledVotes":
        """Read a set. Labels are marked as such, so that no synonym of the project takes one for a tag of its own."""
        with path.open(encoding="utf-8", newline="") as file:
            rows = [*csv.DictReader(file)]
        votes = [(row["item"], row["worker"], f"label {row['label']}") for row in rows]
        return cls(path.stem, votes, {row["item"]: f"label {row['gold']}" for row in rows if row["gold"]})

    def documents(self) -> Iterator[str]:
        """Yield the votes as lines of `palette_tags`."""
        for number, (item, worker, label) in enumerate(self.votes):
            document = {
                "_id": f"vote{number:08}",
                "_creationTime": 1_764_000_000_000.5 + number,
                "seed": item,
                "provider": "people",
                "model": worker,
                "analysisIndex": 0.0,
                "promptVersion": "0123456789ab",
                "tags": {ATTRIBUTE: label},
            }
            yield json.dumps(document, ensure_ascii=False)


@dataclass(frozen=True)
class Built:
    """What the project made of a set: winners by item, what it says of workers, and how far these agree."""

    winners: dict[str, tuple[str, float]]
    """The weighted winner and its weighted share."""
    consensus: dict[str, tuple[str, float]]
    """The majority winner and the lower bound of its share."""
    workers: dict[str, tuple[float, float | None]]
    """The weight of a worker's votes, and kappa beside the others."""
    alpha: tuple[float, float | None, float | None]
    steps: int


def build(votes: LabelledVotes, folder: Path) -> Built:
    """Land the votes and build the weighted consensus of them."""
    (folder / "palette_tags.jsonl").write_text("".join(f"{line}\n" for line in votes.documents()), encoding="utf-8")
    environment = {
        **os.environ,
        "RAW_DIR": str(folder / "raw"),
        "DUCKDB_PATH": str(folder / "build.duckdb"),
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
    }
    dbt = Path(sys.executable).with_name("dbt")
    commands: list[list[str]] = [
        [sys.executable, "-m", "extract", "load", str(folder / "palette_tags.jsonl")],
        [str(dbt), "--quiet", "build", "--select", *[f"+{table}" for table in TABLES], "--exclude", *TESTS],
    ]
    for command in commands:
        done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"labels: {votes.name} can't be built:\n{done.stdout}{done.stderr}")
    with duckdb.connect(str(folder / "build.duckdb"), read_only=True) as connection:
        return Built(
            _by_name(connection, "select palette_seed, winner, weighted_share from weighted_consensus"),
            _by_name(connection, "select palette_seed, winner, share_lower_bound from attribute_consensus"),
            _by_name(
                connection,
                f"""
                select model, weight, cohens_kappa
                from model_reliability
                inner join model_agreement using (model, attribute)
                where attribute = '{ATTRIBUTE}' and prompt_version is null
                """,
            ),
            *connection.execute(f"""
                select (krippendorff_alpha, krippendorff_alpha_lower_bound, krippendorff_alpha_upper_bound),
                    (select max(step_count) from internal.int_vote_weights)
                from prompt_version_quality
                where attribute = '{ATTRIBUTE}'
            """).fetchall()[0],
        )


def _by_name(connection: duckdb.DuckDBPyConnection, query: str) -> dict[str, Any]:
    return {name: tuple(rest) for name, *rest in connection.execute(query).fetchall()}


def majority(votes: LabelledVotes) -> Fraction:
    """Return the expected accuracy of a majority that draws between the tags that tie."""
    said: dict[str, Counter[str]] = defaultdict(Counter)
    for item, _, label in votes.votes:
        said[item][label] += 1
    right = Fraction(0)
    for item, gold in votes.gold.items():
        most = max(said[item].values())
        best = [label for label, count in said[item].items() if count == most]
        right += Fraction(gold in best, len(best))
    return right / len(votes.gold)


def accuracy(found: Mapping[str, str], gold: Mapping[str, str]) -> float:
    """Return the share of the items whose found label is the right one."""
    return sum(found[item] == label for item, label in gold.items()) / len(gold)


def ranks(values: list[float]) -> list[float]:
    """Return the rank of each value; equal ones share the mean of theirs."""
    places: dict[float, list[int]] = defaultdict(list)
    for place, value in enumerate(sorted(values)):
        places[value].append(place)
    return [fmean(places[value]) for value in values]


def worth(votes: LabelledVotes, built: Built) -> list[str]:
    """Tell, as cells of a table, how far the statistics go with what is known."""
    right: dict[str, list[bool]] = defaultdict(list)
    for item, worker, label in votes.votes:
        if item in votes.gold:
            right[worker].append(label == votes.gold[item])
    known = {worker: fmean(each) for worker, each in right.items() if len(each) >= KNOWN_VOTES}
    cells = ["{:.2f} ({:.2f} to {:.2f})".format(*built.alpha)]
    for is_sure in (True, False):
        items = {item: gold for item, gold in votes.gold.items() if (built.consensus[item][1] > 0.5) == is_sure}
        found = {item: built.consensus[item][0] for item in items}
        cells.append(f"{accuracy(found, items):.3f} of {len(items):,}" if items else "–")
    for place in (0, 1):
        found_of = {worker: built.workers[worker][place] for worker in known if worker in built.workers}
        ranked = [(value, known[worker]) for worker, value in found_of.items() if value is not None]
        rank_of = [ranks([*column]) for column in zip(*ranked, strict=True)]
        cells.append(f"{correlation(*rank_of):.2f} of {len(ranked)}" if len(ranked) > 2 else "–")
    return cells


def by_crowd_kit(votes: LabelledVotes) -> dict[str, dict[str, str]]:
    """Return labels by method and item; nothing where crowd-kit isn't installed (`make crowdkit`)."""
    if not CROWD_KIT.exists():
        return {}
    command = [str(CROWD_KIT), "-W", "ignore", str(PROJECT / "benchmarks" / "crowd_kit.py")]
    done = subprocess.run(command, input=json.dumps(votes.votes), capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def main() -> int:
    """Print a table of all sets of a folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labels", metavar="DIR", type=Path, help="a folder of sets: *.csv")
    files = sorted(parser.parse_args().labels.glob("*.csv"))
    if not files:
        print("labels: there is no *.csv in that folder: one file a set, item,worker,label,gold", file=sys.stderr)
        return 1
    columns = ("set", "items", "votes", "majority", "weighted", "difference", "Dawid–Skene", "WAWA", "steps")
    table = Table(*columns, f"share ≥ {SURE}", "right there", title="Accuracy on votes with known answers")
    told = Table(
        "set",
        "alpha",
        "lower bound > 0.5: right",
        "others: right",
        "weight by accuracy",
        "kappa by accuracy",
        title=f"What the statistics tell (the last two: rank correlations over workers with {KNOWN_VOTES} known votes)",
    )
    means: list[tuple[float, float]] = []
    for path in files:
        votes = LabelledVotes.read(path)
        with tempfile.TemporaryDirectory() as folder:
            built = build(votes, Path(folder))
        plain = float(majority(votes))
        weighted = accuracy({item: winner for item, (winner, _) in built.winners.items()}, votes.gold)
        peers = {name: f"{accuracy(found, votes.gold):.3f}" for name, found in by_crowd_kit(votes).items()}
        sure = {item: gold for item, gold in votes.gold.items() if built.winners[item][1] >= SURE}
        right = accuracy({item: built.winners[item][0] for item in sure}, sure) if sure else None
        table.add_row(
            votes.name,
            f"{len(built.winners):,}",
            f"{len(votes.votes):,}",
            f"{plain:.3f}",
            f"{weighted:.3f}",
            f"{100 * (weighted - plain):+.1f}",
            peers.get("dawid_skene", "–"),
            peers.get("wawa", "–"),
            str(built.steps),
            f"{len(sure) / len(votes.gold):.0%}",
            "–" if right is None else f"{right:.3f}",
        )
        told.add_row(votes.name, *worth(votes, built))
        means.append((plain, weighted))
    plain, weighted = (sum(column) / len(means) for column in zip(*means, strict=True))
    table.add_row("mean", "", "", f"{plain:.3f}", f"{weighted:.3f}", f"{100 * (weighted - plain):+.1f}")
    console = Console(width=140)
    console.print(table)
    console.print(told)
    return 0


if __name__ == "__main__":
    sys.exit(main())
