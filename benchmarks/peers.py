"""What the same work costs by other means: how each peer is run, and whether its answer is the warehouse's."""

import csv
import json
import shutil
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import duckdb

from benchmarks.by_hand import ATTRIBUTES, CATEGORICAL
from benchmarks.measuring import PROJECT

POLARS = PROJECT / ".venv-polars" / "bin" / "python"
UNZIP, BY_HAND, REFERENCE = "unzip -p | wc -l", "DuckDB by hand", "DuckDB, reference script"

_LIST = "struct(key varchar, value double)[]"


@dataclass(frozen=True)
class Peer:
    """A command that counts the answers of a file, and the file that it writes."""

    name: str
    command: list[str]
    answer: Path | None = None
    spills_to: Path | None = None


def peers(export: Path, answers: Path, directory: Path) -> tuple[list[Peer], list[str]]:
    """Return the peers that can be run here, and a line about each that can't."""
    found, missing = [], []
    if shutil.which("unzip"):
        command = 'unzip -p "$1" palette_tags/documents.jsonl | wc -l'
        found.append(Peer(UNZIP, ["sh", "-c", command, "sh", str(export)]))
    else:
        missing.append("no unzip: landing has no peer; install the package unzip")
    by_hand = directory / "by-hand.parquet"
    command = [sys.executable, "-m", "benchmarks.by_hand", str(answers), str(by_hand)]
    found.append(Peer(BY_HAND, command, by_hand, by_hand.with_name(f"{by_hand.name}.tmp")))
    reference = directory / "reference.parquet"
    command = [sys.executable, "-m", "benchmarks.reference", str(answers), str(reference)]
    found.append(Peer(REFERENCE, command, spills_to=reference.with_name(f"{reference.name}.tmp")))
    if POLARS.exists():
        by_polars, rules = directory / "by-polars.parquet", directory / "rules.json"
        rules.write_text(json.dumps(synonyms(PROJECT / "seeds" / "synonyms.csv")), encoding="utf-8")
        command = [str(POLARS), "benchmarks/by_polars.py", str(answers), str(rules), str(by_polars)]
        found.append(Peer("polars", command, by_polars))
    else:
        missing.append("no polars: not measured beside it; make polars installs it")
    return found, missing


def synonyms(path: Path) -> dict[str, dict[str, str]]:
    """Read the synonyms: for each attribute, the canonical tag of a tag."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found[row["attribute"]][row["tag"]] = row["canonical_tag"]
    return dict(found)


def answer_rows(answer: Path) -> str:
    """Return SQL for the rows of a peer's answer: a subquery with the columns of the consensus, side by side."""
    types = {"seed": "varchar", "promptVersion": "varchar", "totalModels": "double"} | dict.fromkeys(ATTRIBUTES, _LIST)
    columns = ", ".join(f'cast("{name}" as {kind}) as "{name}"' for name, kind in types.items())
    return f"(select {columns} from read_parquet('{answer}', hive_partitioning = false))"


def differences(database: Path, answer: Path) -> tuple[int, int]:
    """Compare a peer's answer with the consensus in a warehouse.

    Returns how many palettes and prompt versions differ in anything, or are on one side only, and how many there are.
    """
    parts = ", ".join(f"{'categorical' if name in CATEGORICAL else 'tags'}.{name}" for name in ATTRIBUTES)
    with duckdb.connect(str(database), read_only=True) as connection:
        row = connection.execute(f"""
            with warehouse as (select seed, "promptVersion", "totalModels", {parts} from palette_tag_consensus),
            peer as (from {answer_rows(answer)})
            select
                (select count(*) from (
                    select seed, "promptVersion" from (from warehouse except all from peer)
                    union
                    select seed, "promptVersion" from (from peer except all from warehouse)
                )),
                (select count(*) from warehouse)
        """).fetchone()
    differing, groups = row or (0, 0)
    return int(differing), int(groups)
