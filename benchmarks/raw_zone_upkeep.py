"""`make bench-upkeep`: what many small runs cost, and what compacting them costs, at any number of documents.

Generates an export, lands it, and lands small runs after it as a sync would: changed, new and deleted answers. Then
measures, each in a process of its own, `extract status` and with `--build` dbt; compacts the small runs, as what lands
does by itself, then all of them, and measures again.
"""

import argparse
import random
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from benchmarks.generate import generate
from benchmarks.measuring import PROJECT, Cost, measure
from common.raw_zone import Source
from convex.tables import TableName
from extract.documents import DOCUMENT_SCHEMA
from extract.landing import LandingZone
from extract.load import load

CHANGES = 40
"""Changes of a small run: of ten, six are of old documents, three are new ones, one is a deletion."""
RESULTS_PER_PALETTE = 72


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=300_000, help="answers that land at first (300000)")
    parser.add_argument("--small-runs", type=int, default=1000, help="runs of 40 changes after them (1000)")
    parser.add_argument("--build", action="store_true", help="measure dbt build, too")
    parser.add_argument("--directory", type=Path, default=PROJECT / "data" / "bench-upkeep")
    options = parser.parse_args()
    raw = make_zone(options.directory, options.documents, options.small_runs)
    table = Table("what", "wall s", "CPU s", "peak MB", title=f"{options.documents:,} + {options.small_runs:,} runs")
    for what, cost in costs(raw, options.directory, options.build):
        table.add_row(what, f"{cost.wall:.1f}", f"{cost.cpu:.1f}", f"{cost.peak:,.0f}")
    Console().print(table)


def costs(raw: Path, directory: Path, build: bool) -> Iterator[tuple[str, Cost]]:
    """Measure what reads the zone, compact it in two steps, and measure again."""
    environment = {
        "RAW_DIR": str(raw),
        "DUCKDB_PATH": str(directory / "build.duckdb"),
        "DBT_TARGET_PATH": str(directory / "target"),
    }
    python, dbt = sys.executable, str(Path(sys.executable).parent / "dbt")
    small = f"from extract.compact import *; keep_small(LandingZone(Path({str(raw)!r})), 1)"
    compacts = {"small runs compacted": ["-c", small], "all compacted": ["-m", "extract", "compact", "--json"]}
    for moment in ("as it landed", *compacts):
        if moment in compacts:
            yield f"{moment}: compacting", measure([python, *compacts[moment]], environment)
        yield f"{moment}: extract status", measure([python, "-m", "extract", "status", "--json"], environment)
        if build:
            (directory / "build.duckdb").unlink(missing_ok=True)
            yield f"{moment}: dbt seed (pins the runs)", measure([dbt, "--quiet", "seed"], environment)
            yield f"{moment}: dbt build", measure([dbt, "--quiet", "build"], environment)


def make_zone(directory: Path, documents: int, small_runs: int) -> Path:
    """Return a raw zone of a full run with so many answers and of small runs."""
    directory.mkdir(parents=True, exist_ok=True)
    palettes = max(documents // RESULTS_PER_PALETTE, 1)
    export, raw = directory / f"export-{palettes}.zip", directory / "raw"
    if not export.exists():
        generate(export, palettes=palettes, seed=1)
    shutil.rmtree(raw, ignore_errors=True)
    zone = LandingZone(raw)
    run = load(export, zone)
    answers = _first_documents(raw / run.run_id / "palette_tags.parquet")
    chosen = random.Random(1)
    for number in range(small_runs):
        with zone.new_run(Source("data_sync", "generated"), None, "incremental") as writer:
            table = writer.open_table(TableName("", "palette_tags"), "uniform")
            rows = answers.take(chosen.sample(range(len(answers)), CHANGES))
            new = [f"new{number:08}{row:04}" if row % 10 in (3, 6, 9) else None for row in range(CHANGES)]
            ids = [one or old for one, old in zip(new, rows["_id"].to_pylist(), strict=True)]
            texts = [
                text.replace(f'"{old}"', f'"{one}"') if one else text
                for one, old, text in zip(new, rows["_id"].to_pylist(), rows["document"].to_pylist(), strict=True)
            ]
            operations = ["delete" if row % 10 == 5 else "upsert" for row in range(CHANGES)]
            first = writer.next_sequence(CHANGES)
            table.add_changes(
                pa.RecordBatch.from_arrays(
                    [pa.array(ids), rows["_creation_time"], pa.array(texts)], schema=DOCUMENT_SCHEMA
                ),
                pa.array(operations),
                pa.nulls(CHANGES, pa.int64()),
                pa.array(range(first, first + CHANGES), pa.int64()),
            )
    return raw


def _first_documents(path: Path) -> pa.RecordBatch:
    with pq.ParquetFile(path) as file:
        return next(file.iter_batches(50_000, columns=DOCUMENT_SCHEMA.names)).slice(1)  # after the truncate


if __name__ == "__main__":
    main()
