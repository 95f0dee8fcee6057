"""`make bench-changes`: what a build costs after a sync, beside a build of everything.

Builds all models once, one at a time. Then lands a sync that touches some of the palettes and builds again, from the
same state for each share: of each palette touched it changes the answers to one prompt version, a third of all, deletes
one and adds one. Tests are left out: they look at all rows, whatever has changed.

It also counts the rows of `weighted_consensus` that differ in any column: its weights depend on all votes, and
decision 0020 promises that a change of 1 % leaves 95 % of its rows as they were.

Then it lands many small syncs in a row, of other palettes each, and builds after each: what a build costs must not grow
with the number of builds before it.
"""

import argparse
import os
import shutil
import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import duckdb
import pyarrow as pa
from rich.console import Console
from rich.table import Table

from benchmarks.bench import Place, build_models, seconds
from benchmarks.measuring import PROJECT
from benchmarks.results_page import PAGE, markdown_table, replace_section, where_and_of_what
from benchmarks.stages import by_name
from common.raw_zone import Source
from convex.tables import TableName
from extract.documents import DOCUMENT_SCHEMA
from extract.landing import LandingZone
from extract.load import load

EVERYTHING = "everything"
SYNONYM = "an edit of the synonyms"
SHARES = {"nothing new": 0.0, "1 % of the palettes": 0.01, "10 % of the palettes": 0.1}
COLUMNS = ("after", "answers landed", "models, s", "CPU s", "peak MB", "of everything", "weighted rows that differ")
SLOWEST = 8
SYNC_COLUMNS = ("build after sync", "models, s", "CPU s", "database, MB", "of the second")


@dataclass(frozen=True)
class Built:
    """A build: the answers landed before it, the seconds of each model, their CPU seconds, and the peak in MB.

    `differing` is the share of the rows of `weighted_consensus` that are others than before.
    """

    landed: int
    models: dict[str, float]
    cpu: float
    peak: float
    differing: float | None = None

    @property
    def seconds(self) -> float:
        """Of all models, one after the other."""
        return sum(self.models.values())


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.changes", description=__doc__.partition("\n\n")[2])
    parser.add_argument("--palettes", type=int, default=40_000, metavar="N", help="the size (40000)")
    parser.add_argument("--runs", type=int, default=3, metavar="N", help="how often each is run (3)")
    parser.add_argument("--syncs", type=int, default=200, metavar="N", help="how many small syncs in a row (200)")
    parser.add_argument("--small", type=int, default=5_000, metavar="N", help="the size for these (5000)")
    parser.add_argument("--directory", type=Path, default=PROJECT / "data" / "bench")
    parser.add_argument("--results", type=Path, default=PAGE, help="the page to write (benchmarks/results.md)")
    options = parser.parse_args(arguments)
    body: list[str] = []
    if options.runs:
        body += after_one_sync(options.directory, options.palettes, options.runs)
    if options.syncs:
        body += after_many_syncs(options.directory, options.small, options.syncs)
    replace_section(options.results, "After a sync", "\n\n".join(body))
    return 0


def after_one_sync(directory: Path, palettes: int, runs: int) -> list[str]:
    """Measure each share of changes from the same state, print, and return Markdown."""
    found: dict[str, list[Built]] = {}
    with prepared(directory, palettes) as place:
        for _ in range(runs):
            for name, built in one_round(place):
                found.setdefault(name, []).append(built)
                Console(stderr=True).print(f"{name}: {built.seconds:.1f} s")
    rows, models = tables(found)
    print_table(COLUMNS, rows, f"{palettes:,} palettes; medians of {runs}")
    return [
        f"{palettes:,} palettes; medians of {runs}. {where_and_of_what()}",
        markdown_table(COLUMNS, rows),
        "The models that take longest after a sync of 10 %, in seconds:",
        markdown_table(("model", "10 %", EVERYTHING), models),
    ]


def after_many_syncs(directory: Path, palettes: int, syncs: int) -> list[str]:
    """Build after each of many small syncs in a row, print what the second and the last cost, and return Markdown."""
    found: dict[int, tuple[Built, float]] = {}
    with prepared(directory, palettes) as place:
        build(place)
        for number in range(1, syncs + 1):
            _, landed = land_changes(place, 1 / syncs, number)
            found[number] = (build(place, landed=landed), place.database.stat().st_size / 1e6)
            Console(stderr=True).print(f"sync {number}: {landed} answers, {found[number][0].seconds:.1f} s")
    second = found[2][0].seconds
    shown = sorted({1, 2, 3, *range(syncs // 4, syncs, syncs // 4), syncs - 1, syncs} & found.keys())
    rows = [
        [str(n), seconds(one.seconds), seconds(one.cpu), f"{size:,.0f}", f"{one.seconds / second:.2f}"]
        for n in shown
        for one, size in [found[n]]
    ]
    title = f"{palettes:,} palettes, {syncs} syncs in a row, each of {1 / syncs:.1%} of the palettes"
    print_table(SYNC_COLUMNS, rows, title)
    return [f"{title}.", markdown_table(SYNC_COLUMNS, rows)]


@contextmanager
def prepared(directory: Path, palettes: int) -> Generator[Place]:
    """Generate and land an export, and take everything away at the end."""
    place = Place(directory, palettes)
    try:
        place.prepare(palettes)
        load(place.export, LandingZone(place.raw))
        yield place
    finally:
        place.clear()


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str) -> None:
    """Print a table to the terminal."""
    table = Table(*columns, title=title)
    for cells in rows:
        table.add_row(*cells)
    Console().print(table)


def one_round(place: Place) -> Iterator[tuple[str, Built]]:
    """Build after each change, and yield its name and the build."""
    place.database.unlink(missing_ok=True)
    yield EVERYTHING, build(place)
    everything = place.database.with_suffix(".everything")
    shutil.copy(place.database, everything)
    for name, share in SHARES.items():
        _put_back(everything, place.database)
        run_id, landed = land_changes(place, share) if share else (None, 0)
        yield name, replace(build(place, landed=landed), differing=differing(everything, place.database))
        if run_id:
            shutil.rmtree(place.raw / run_id)
    _put_back(everything, place.database)
    yield SYNONYM, build(place, "--full-refresh", "--select", "int_tags+")
    everything.unlink()


def _put_back(copy: Path, database: Path) -> None:
    """Copy the database, and wait until the disk has it: or else the build would wait for that."""
    shutil.copy(copy, database)
    os.sync()


def build(place: Place, *arguments: str, landed: int = 0) -> Built:
    """Build the models, one at a time."""
    by_model, whole = build_models(place, *arguments)
    costs = by_name(by_model)
    models = {name: cost.wall for name, cost in costs.items()}
    return Built(landed, models, sum(cost.cpu for cost in costs.values()), whole.peak)


def differing(before: Path, after: Path) -> float:
    """Return the share of the keys of `weighted_consensus`, before or after, whose rows differ."""
    with duckdb.connect() as connection:
        for name, database in (("was", before), ("is_now", after)):
            with duckdb.connect(str(database), read_only=True) as build:
                connection.register("rows", build.execute("from weighted_consensus").to_arrow_table())
                connection.execute(f"create table {name} as from rows")
        (share,) = connection.execute("""
            select avg(cast(was is distinct from is_now as integer))
            from was full join is_now using (palette_seed, prompt_version, attribute)
        """).fetchone() or (0.0,)
    return share


def land_changes(place: Place, share: float, number: int = 1) -> tuple[str, int]:
    """Land a sync that touches the n-th share of the palettes. Return the run and the number of its changes."""
    palettes: dict[str, list[tuple[str, float, str, str]]] = {}
    part = round(10_000 * share)
    first = (number - 1) * part
    with duckdb.connect() as connection:
        answers = connection.execute(
            """
            select
                (document ->> '$.seed') as seed, _id, _creation_time,
                (document ->> '$.promptVersion') as version, document
            from read_parquet(?, hive_partitioning = false)
            where _op = 'upsert' and hash(document ->> '$.seed') % 10000 between ? and ?
            order by seed, _id
            """,
            [
                str(min(place.raw.glob("*/palette_tags.parquet"))),
                first,
                first + part - 1,
            ],
        ).fetchall()
    for seed, *answer in answers:
        palettes.setdefault(seed, []).append(tuple(answer))
    changes: list[tuple[str, str, float | None, str | None]] = []
    for palette, rows in enumerate(palettes.values()):
        key, created, _, document = rows[0]
        new = f"new{number:06}{palette:023}"
        changes.append(("upsert", new, created, document.replace(f'"{key}"', f'"{new}"')))
        changes.append(("delete", rows[1][0], None, None))
        changes += [
            ("upsert", key, created, document.replace('"calm"', '"serene"').removesuffix("}") + ',"again":1}')
            for key, created, version, document in rows[2:]
            if version == rows[2][2]
        ]
    with LandingZone(place.raw).new_run(Source("data_sync", "generated"), None, "incremental") as run:
        writer = run.open_table(TableName("", "palette_tags"), "uniform")
        first = run.next_sequence(len(changes))
        places = pa.array(range(first, first + len(changes)), pa.int64())
        operations, ids, created, documents = zip(*changes, strict=True)
        rows = [pa.array(ids), pa.array(created, pa.float64()), pa.array(documents, pa.string())]
        writer.add_changes(
            pa.RecordBatch.from_arrays(rows, schema=DOCUMENT_SCHEMA),
            pa.array(operations),
            pa.nulls(len(changes), pa.int64()),
            places,
        )
    return LandingZone(place.raw).active_runs()[-1].run_id, len(changes)


def tables(found: dict[str, list[Built]]) -> tuple[list[list[str]], list[list[str]]]:
    """Return the rows of the two tables, of medians."""
    total = {name: median(built.seconds for built in builds) for name, builds in found.items()}
    rows = [
        [
            name,
            f"{builds[0].landed:,}" if builds[0].landed else "",
            seconds(total[name]),
            seconds(median(built.cpu for built in builds)),
            f"{median(built.peak for built in builds):,.0f}",
            f"{total[name] / total[EVERYTHING]:.1%}" if name != EVERYTHING else "",
            "" if builds[0].differing is None else f"{builds[0].differing:.2%}",
        ]
        for name, builds in found.items()
    ]
    greatest = [*SHARES][-1]
    all_models = found[EVERYTHING][0].models
    each = {
        name: [median(built.models[name] for built in found[moment]) for moment in (greatest, EVERYTHING)]
        for name in all_models
    }
    slowest = sorted(each.items(), key=lambda item: -item[1][0])[:SLOWEST]
    return rows, [[f"`{name}`", *map(seconds, costs)] for name, costs in slowest]


if __name__ == "__main__":
    sys.exit(main())
