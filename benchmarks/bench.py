"""`make bench`: what each stage costs, beside what the same work costs by other means.

For each size, makes an export, and lands, builds and publishes it in processes of their own, in turns with the peers.
Prints a table of wall time, CPU time, peak memory and answers a second, with the ratio to the peer, and writes it to a
page. Each measure is the median of `--runs`. Everything stays under `--directory`.

A peer's answer is compared with the warehouse's, and only who gives the same answer gets a ratio.
"""

import argparse
import shutil
import sys
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.generate import generate
from benchmarks.measuring import PROJECT, Cost, median, watch
from benchmarks.peers import BY_HAND, REFERENCE, UNZIP, Peer, differences, peers
from benchmarks.results_page import PAGE, markdown_table, replace_section, where_and_of_what
from benchmarks.stages import by_name, model_costs, stage_costs

DEFAULT_LIMIT, SMALL_LIMIT = "2500MB", "1500MB"
LAND, PUBLISH, BUILD = "extract load", "publish", "dbt build, with all tests"
SMALL_BUILD = f"{BUILD}, in {SMALL_LIMIT}"
DBT_BUILD = [str(Path(sys.executable).parent / "dbt"), "--quiet", "build"]
STAGES = {"staging": "  staging", "values": "  values", "marts": "  marts", "models": "SQL of the models, in turn"}
RATIO_TO = {LAND: UNZIP, **dict.fromkeys([BY_HAND, STAGES["models"], BUILD, SMALL_BUILD], REFERENCE)}
SHORT = {UNZIP: "unzip", BY_HAND: "by hand", REFERENCE: "reference"}
COLUMNS = ("what", "wall s", "CPU s", "peak MB", "spilled MB", "answers/s", "ratio", "answer")
SLOWEST = 10
WIDTH = 120


@dataclass
class Measured:
    """What was measured at one size."""

    palettes: int
    answers: int
    runs: int
    costs: dict[str, Cost]
    models: dict[str, Cost]
    differs: dict[str, tuple[int, int]] = field(default_factory=dict)
    """For each peer that counts, how many groups of its answer aren't the warehouse's, and how many there are."""
    missing: list[str] = field(default_factory=list)


class Place:
    """The files of one size, under a directory, and the settings that lead every command there."""

    def __init__(self, directory: Path, palettes: int):
        self.export = directory / f"export-{palettes}.zip"
        self.answers = directory / f"answers-{palettes}.jsonl"
        self.work = directory / f"work-{palettes}"
        self.raw = self.work / "raw"
        self.target = self.work / "target"
        self.log = self.work / "logs" / "dbt.log"
        self.database = self.work / "build.duckdb"
        self.spilled = self.work / "build.duckdb.tmp"
        self.settings = {
            "RAW_DIR": str(self.raw),
            "DUCKDB_PATH": str(self.database),
            "PUBLISH_DIR": str(self.work / "published"),
            "DBT_TARGET_PATH": str(self.target),
            "DBT_LOG_PATH": str(self.log.parent),
            "DUCKDB_MEMORY_LIMIT": DEFAULT_LIMIT,
        }

    def prepare(self, palettes: int) -> int:
        """Make the export, take its answers out, and return how many there are."""
        self.work.mkdir(parents=True, exist_ok=True)
        if not self.export.exists():
            generate(self.export, palettes=palettes, seed=1)
        with (
            zipfile.ZipFile(self.export) as archive,
            archive.open("palette_tags/documents.jsonl") as packed,
            self.answers.open("wb") as file,
        ):
            shutil.copyfileobj(packed, file, 1 << 20)
        with self.answers.open("rb") as file:
            return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))

    def clear(self) -> None:
        """Remove everything but the export."""
        shutil.rmtree(self.work, ignore_errors=True)
        self.answers.unlink(missing_ok=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench", description=__doc__.partition("\n\n")[2])
    parser.add_argument(
        "--palettes", type=int, nargs="+", default=[5_000, 40_000], metavar="N", help="sizes (5000 40000)"
    )
    parser.add_argument("--runs", type=int, default=3, metavar="N", help="how often each is run (3)")
    parser.add_argument("--models-only", action="store_true", help="no whole build with its tests, and no publishing")
    parser.add_argument("--directory", type=Path, default=PROJECT / "data" / "bench")
    parser.add_argument("--results", type=Path, default=PAGE, help="the page to write (benchmarks/results.md)")
    options = parser.parse_args(arguments)
    for palettes in options.palettes:
        measured = measure_size(palettes, options.runs, options.directory, whole=not options.models_only)
        show(measured)
        replace_section(options.results, f"{palettes:,} palettes", page_section(measured))
    return 0


def measure_size(palettes: int, runs: int, directory: Path, *, whole: bool = True, beside: bool = True) -> Measured:
    """Measure everything at one size. A peer that fails is not run again.

    `whole` says whether there are builds with all tests, and publishing; `beside`, whether all peers are measured and a
    build in little memory, or just two of them.
    """
    place = Place(directory, palettes)
    try:
        answers = place.prepare(palettes)
        found, missing = peers(place.export, place.answers, place.work)
        if not beside:
            found = [peer for peer in found if peer.name in (UNZIP, BY_HAND)]
        measured = Measured(palettes, answers, runs, {}, {}, missing=missing)
        costs: dict[str, list[Cost]] = {}
        models: dict[str, list[Cost]] = {}
        succeeding = found
        for run in range(runs):
            for name, cost in one_round(place, succeeding, models, whole=whole, small=beside):
                costs.setdefault(name, []).append(cost)
                Console(stderr=True).print(f"{palettes:,} palettes, run {run + 1}: {name.strip()} {cost.wall:.1f} s")
            succeeding = [peer for peer in succeeding if not costs[peer.name][-1].failure]
        measured.costs = {name: median(several) for name, several in costs.items()}
        measured.models = {name: median(several) for name, several in models.items()}
        measured.differs = {
            peer.name: differences(place.database, peer.answer)
            for peer in found
            if peer.answer and not measured.costs[peer.name].failure
        }
        return measured
    finally:
        place.clear()


def one_round(
    place: Place, found: list[Peer], models: dict[str, list[Cost]], *, whole: bool, small: bool
) -> Iterator[tuple[str, Cost]]:
    """Run everything once, and yield the cost of each; what a model costs is added to `models`."""
    for peer in found:
        yield peer.name, watch(peer.command, {}, peer.spills_to).cost

    shutil.rmtree(place.raw, ignore_errors=True)
    yield (
        LAND,
        succeeded(watch([sys.executable, "-m", "extract", "load", str(place.export)], place.settings).cost, LAND),
    )

    place.database.unlink(missing_ok=True)
    by_model, _ = build_models(place)
    for name, cost in by_name(by_model).items():
        models.setdefault(name, []).append(cost)
    for stage, cost in stage_costs(by_model).items():
        yield STAGES[stage], cost
    if not whole:
        return

    if small:
        place.database.unlink()
        yield SMALL_BUILD, watch(DBT_BUILD, place.settings | {"DUCKDB_MEMORY_LIMIT": SMALL_LIMIT}, place.spilled).cost
    place.database.unlink()
    yield BUILD, succeeded(watch(DBT_BUILD, place.settings, place.spilled).cost, BUILD)
    its_own_limit = place.settings | {"DUCKDB_MEMORY_LIMIT": ""}
    yield PUBLISH, succeeded(watch([sys.executable, "-m", "publish"], its_own_limit).cost, PUBLISH)


def build_models(place: Place, *arguments: str) -> tuple[dict[str, dict[str, Cost]], Cost]:
    """Build the models without tests, one at a time. Return the cost of each, by stage, and of the whole command."""
    without_tests = ["--exclude-resource-type", "test", "--exclude-resource-type", "unit_test"]
    place.log.unlink(missing_ok=True)
    logged = ["--log-level-file", "debug", "--log-format-file", "json"]
    command = [*DBT_BUILD, *logged, "--threads", "1", *without_tests, *arguments]
    watched = watch(command, place.settings, place.spilled)
    cost = succeeded(watched.cost, "dbt build")
    return model_costs(place.target, place.log, watched.samples), cost


def succeeded(cost: Cost, what: str) -> Cost:
    """Return the cost of what succeeded. Raises SystemExit if it didn't: then there is nothing to measure."""
    if cost.failure:
        raise SystemExit(f"bench: {what} failed: {cost.failure}")
    return cost


def table_rows(measured: Measured) -> list[list[str]]:
    """Return the cells of the table."""
    return [row(measured, name, cost) for name, cost in measured.costs.items()]


def row(measured: Measured, name: str, cost: Cost) -> list[str]:
    """Return the cells of one thing measured."""
    differing, groups = measured.differs.get(name, (0, 0))
    answer = (
        "" if name not in measured.differs else f"differs in {differing:,} of {groups:,}" if differing else "the same"
    )
    numbers = [
        seconds(cost.wall),
        seconds(cost.cpu),
        f"{cost.peak:,.0f}",
        f"{cost.spilled:,.0f}" if cost.spilled else "",
    ]
    if cost.failure:
        return [name, *numbers, "", "", f"fails: {cost.failure.splitlines()[-1]}"]
    to = RATIO_TO.get(name, BY_HAND if name in measured.differs else None)
    ratio = ""
    if to in measured.costs and not differing and not measured.costs[to].failure:
        ratio = f"{cost.wall / measured.costs[to].wall:.2f} × {SHORT[to]}"
    return [name, *numbers, f"{measured.answers / cost.wall:,.0f}", ratio, answer]


def seconds(number: float) -> str:
    """Return seconds with three digits, or with tenths."""
    return f"{number:.2f}" if number < 10 else f"{number:,.1f}"


def slowest(measured: Measured) -> list[tuple[str, Cost]]:
    """Return the models that take longest."""
    return sorted(measured.models.items(), key=lambda item: -item[1].wall)[:SLOWEST]


def show(measured: Measured) -> None:
    """Print the tables."""
    console = Console()
    console.width = max(console.width, WIDTH)
    table = Table(title=f"{measured.palettes:,} palettes, {measured.answers:,} answers; medians of {measured.runs}")
    for number, column in enumerate(COLUMNS):
        table.add_column(column, justify="left" if number in (0, 6, 7) else "right")
    for cells in table_rows(measured):
        table.add_row(*cells)
    console.print(table)
    for line in measured.missing:
        console.print(line)


def page_section(measured: Measured) -> str:
    """Return the section of the page for one size."""
    models = [
        [f"`{name}`", seconds(cost.wall), seconds(cost.cpu), f"{cost.peak:,.0f}"] for name, cost in slowest(measured)
    ]
    return "\n\n".join(
        [
            f"{measured.answers:,} answers; medians of {measured.runs}. {where_and_of_what()}",
            markdown_table(COLUMNS, [[cell.strip() for cell in cells] for cells in table_rows(measured)]),
            *measured.missing,
            "The slowest models, one at a time:",
            markdown_table(("model", "wall s", "CPU s", "peak MB"), models),
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
