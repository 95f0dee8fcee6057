"""`make bench`: what landing and building cost, beside what the same work costs by other means.

Makes an export, then lands and builds it in processes of their own, and prints a table of wall time, CPU time and peak
memory, with the ratio to the peer. Times are medians of `--runs`. Everything stays under `--directory`.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from rich.console import Console
from rich.table import Table

PROJECT = Path(__file__).parents[1]
sys.path.insert(0, str(PROJECT))

from benchmarks.generate import generate  # noqa: E402 - run as a script, the project isn't on the path before


@dataclass(frozen=True)
class Cost:
    """Wall and CPU time in seconds, peak memory in MB."""

    wall: float
    cpu: float
    peak: float


def measure(command: Sequence[str], environment: dict[str, str]) -> Cost:
    """Run a command as a process of its own, without its output."""
    started = perf_counter()
    process = subprocess.Popen(
        command, cwd=PROJECT, env=os.environ | environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    errors = process.stderr.read() if process.stderr else ""
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"bench: {' '.join(command)} failed:\n{errors}")
    return Cost(perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000)


def median(runs: int, once: Callable[[], Cost]) -> Cost:
    """Return the median of each measure."""
    costs = [once() for _ in range(runs)]
    return Cost(*(statistics.median(getattr(cost, name) for cost in costs) for name in ("wall", "cpu", "peak")))


def model_seconds(target: Path) -> float:
    """Return the time that the models of the last build took, seeds and tests left out."""
    results = json.loads((target / "run_results.json").read_text())["results"]
    return sum(result["execution_time"] for result in results if result["unique_id"].startswith("model."))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--palettes", type=int, default=5000, help="palettes of the export, 72 answers each")
    parser.add_argument("--runs", type=int, default=3, help="how often each is run (default 3)")
    parser.add_argument("--directory", type=Path, default=PROJECT / "data" / "bench")
    options = parser.parse_args()
    bench(options.palettes, options.runs, options.directory)


def bench(palettes: int, runs: int, directory: Path) -> None:
    """Measure one size and print the table."""
    directory.mkdir(parents=True, exist_ok=True)
    export = directory / f"export-{palettes}.zip"
    answers = directory / f"answers-{palettes}.jsonl"
    if not export.exists():
        generate(export, palettes=palettes, seed=1)
    with answers.open("wb") as file:
        subprocess.run(["unzip", "-p", export, "palette_tags/documents.jsonl"], stdout=file, check=True)
    raw, target, database = directory / "raw", directory / "target", directory / "build.duckdb"
    environment = {"RAW_DIR": str(raw), "DUCKDB_PATH": str(database), "DBT_TARGET_PATH": str(target)}
    dbt = str(Path(sys.executable).parent / "dbt")

    def land() -> Cost:
        shutil.rmtree(raw, ignore_errors=True)
        return measure([sys.executable, "-m", "extract", "load", str(export)], environment)

    def build() -> Cost:
        database.unlink(missing_ok=True)
        return measure([dbt, "--quiet", "build"], environment)

    def run_models() -> Cost:
        cost = measure([dbt, "--quiet", "run", "--threads", "1"], environment)
        return Cost(model_seconds(target), cost.cpu, cost.peak)

    by_hand = [sys.executable, "benchmarks/by_hand.py", str(answers), str(directory / "by-hand.parquet")]
    unzip = median(runs, lambda: measure(["sh", "-c", f"unzip -p '{export}' | wc -l"], environment))
    script = median(runs, lambda: measure(by_hand, environment))
    landing = median(runs, land)
    building = median(runs, build)
    models = median(runs, run_models)
    with answers.open("rb") as file:
        documents = sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))

    table = Table("what", "wall s", "CPU s", "peak MB", "ratio", title=f"{palettes:,} palettes, {documents:,} answers")
    for what, cost, peer in [
        ("unzip -p | wc -l", unzip, None),
        ("extract load", landing, unzip),
        ("by hand, one DuckDB script", script, None),
        ("dbt: the models, one at a time", models, script),
        ("dbt build, with all tests", building, script),
    ]:
        ratio = f"{cost.wall / peer.wall:.2f}" if peer else ""
        table.add_row(what, f"{cost.wall:.1f}", f"{cost.cpu:.1f}", f"{cost.peak:,.0f}", ratio)
    Console().print(table)


if __name__ == "__main__":
    main()
