"""Times the table functions at any number of palettes, in a file that is laid out as the published one.

The rows of a build are copied until there are enough palettes, each copy under seeds of its own; tables are stored by
seed. Every call goes through a connection that only reads, and fetches all rows.
"""

import argparse
import math
import random
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from common.settings import setting
from publish.build import catalog_of
from publish.sql import without_catalog

TABLES = {
    "palette_tag_consensus": 'seed, "promptVersion"',
    "refinement_queue": "palette_seed, prompt_version",
    "int_palette_prompts": "palette_seed, prompt_version",
    "int_palette_lists": "palette_key",
    "int_consensus_lists": "palette_prompt_key",
    "int_tag_results": "palette_seed, result_key",
    "int_tag_values": "result_key, text_key, value_index",
}
"""What grows with palettes, and the order that rows are stored in."""
SEEDS = ("seed", "palette_seed")
KEYS = {
    "palette_key": "int_palette_prompts",
    "palette_prompt_key": "int_palette_prompts",
    "result_key": "int_tag_results",
}
"""Integers that stand for a palette or for something of one, and the table that holds all of them."""
SAME_AT_ANY_SIZE = ("tag_totals", "int_tag_texts", "int_canonical_tags")


def main(arguments: list[str] | None = None) -> int:
    """Print a table of medians."""
    parser = argparse.ArgumentParser(prog="python benchmarks/queries.py", description=__doc__)
    parser.add_argument("--database", type=Path, default=Path(setting("DUCKDB_PATH") or "data/build.duckdb"))
    parser.add_argument("--palettes", type=int, default=40_000, metavar="N", help="copy until there are so many")
    parser.add_argument("--seeds", type=int, default=1_000, metavar="N", help="palettes that a summary asks for")
    parser.add_argument("--runs", type=int, default=15, metavar="N")
    options = parser.parse_args(arguments)
    with TemporaryDirectory(dir=options.database.parent) as directory:
        path = Path(directory) / "queries.duckdb"
        enlarge(options.database, path, options.palettes)
        with duckdb.connect(str(path), read_only=True) as connection:
            report(connection, options.seeds, options.runs)
    return 0


def enlarge(build: Path, path: Path, palettes: int) -> None:
    """Write the tables that the functions read to a new file, copied until there are so many palettes."""
    with duckdb.connect(str(path), config={"preserve_insertion_order": False}) as connection:
        connection.execute(f"attach '{build}' as built (read_only); create schema internal")
        found = count(connection, "select count(distinct seed) from built.palette_tag_consensus")
        copies = math.ceil(palettes / found)
        sizes = {
            key: count(connection, f"select max({key}) from built.internal.{table}") for key, table in KEYS.items()
        }
        for name, order in TABLES.items():
            table = in_its_schema(name)
            columns = {name for (name, *_) in connection.execute(f"describe built.{table}").fetchall()}
            replaced = [f"{seed} || if(n = 0, '', '~' || n) as {seed}" for seed in SEEDS if seed in columns]
            replaced += [f"{key} + n * {size} as {key}" for key, size in sizes.items() if key in columns]
            connection.execute(
                f"create table {table} as select * replace ({', '.join(replaced)})"
                f" from built.{table}, range({copies}) as copies (n) order by {order}"
            )
        for table in map(in_its_schema, SAME_AT_ANY_SIZE):
            connection.execute(f"create table {table} as select * from built.{table}")
        for statement in views_and_functions(connection, path.parent, catalog_of(build)):
            connection.execute(statement)


def in_its_schema(table: str) -> str:
    """Return the name of a table with its schema."""
    return f"{'internal' if table.startswith('int_') else 'main'}.{table}"


def views_and_functions(connection: duckdb.DuckDBPyConnection, directory: Path, catalog: str) -> list[str]:
    """Return the statements that make `tag_values` and the table functions; only an export tells all of them."""
    folder = directory / "schema"
    connection.execute("attach ':memory:' as schema_only; copy from database built to schema_only (schema)")
    connection.execute(f"use schema_only; export database '{folder}'; use queries")
    statements = [one.query.strip() for one in connection.extract_statements((folder / "schema.sql").read_text())]
    view_first = [
        *(one for one in statements if one.startswith("CREATE VIEW tag_values ")),
        *(one for one in statements if one.startswith("CREATE MACRO ")),
    ]
    return [without_catalog(one, catalog) for one in view_first]


def report(connection: duckdb.DuckDBPyConnection, seed_count: int, runs: int) -> None:
    """Time each call, and print how long it took, in milliseconds, and how much CPU on all threads."""
    rows = connection.execute("select distinct seed from palette_tag_consensus order by seed").fetchall()
    draw = random.Random(1)
    seeds = [seed for (seed,) in draw.sample(rows, min(seed_count, len(rows)))]
    refined = connection.execute(
        "select refined.model, refined.cycle from"
        " (select unnest(refinements) as refined from refinement_queue)"
        " group by refined order by count(*) desc, refined limit 1"
    ).fetchone() or ("none", 1)
    (version,) = connection.execute('select max("promptVersion") from palette_tag_consensus').fetchone() or ("",)
    waiting = connection.execute(
        "select palette_seed from refinement_candidates(?, ?, max_rows := ?)", [*refined, seed_count]
    )
    candidates = [seed for (seed,) in waiting.fetchall()]
    results = count(connection, "select count(*) from internal.int_tag_results")
    threads = count(connection, "select current_setting('threads')")
    print(f"{len(rows):,} palettes, {results:,} answers; {threads} threads")
    print(f"{'call':58} {'rows':>6} {'median':>9} {'longest':>9} {'CPU':>9}")
    everything: tuple[tuple[str, str, Callable[[], list[Any]]], ...] = (
        ("refinement_candidates(model, cycle)", "from refinement_candidates(?, ?)", lambda: [*refined]),
        (
            "refinement_candidates(model, cycle, one version, 10000)",
            "from refinement_candidates(?, ?, prompt_versions := ?, max_rows := 10000)",
            lambda: [*refined, [version]],
        ),
        (f"tag_summaries({len(seeds)} seeds)", f"from tag_summaries({listed(seeds)})", list),
        (
            f"tag_summaries({len(seeds)} seeds, one version)",
            f"from tag_summaries({listed(seeds)}, prompt_versions := ?)",
            lambda: [[version]],
        ),
        (
            f"tag_summaries({len(seeds)} candidates)",
            f"from tag_summaries({listed(candidates)})",
            list,
        ),
        ("tag_summaries(1 seed)", "from tag_summaries(?)", lambda: [[draw.choice(seeds)]]),
        ("top_tags()", "from top_tags()", list),
        ("top_tags('mood', one version, 20)", "from top_tags('mood', prompt_version := ?, n := 20)", lambda: [version]),
        ("palette_tags(seed)", "from palette_tags(?)", lambda: [draw.choice(seeds)]),
    )
    for name, query, parameters in everything:
        returned, times, cpu = timed(connection, query, parameters, runs)
        shown = " ".join(
            f"{number:6.1f} ms" for number in (statistics.median(times), max(times), statistics.median(cpu))
        )
        print(f"{name:58} {returned:6,} {shown}")


def timed(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: Callable[[], list[Any]], runs: int
) -> tuple[int, list[float], list[float]]:
    """Return the number of rows, and the milliseconds and CPU milliseconds of each run but the first."""
    times, cpu, returned = [], [], 0
    for _ in range(runs + 1):
        values = parameters()
        began, cpu_began = time.perf_counter(), time.process_time()
        returned = connection.execute(query, values).to_arrow_table().num_rows
        times.append((time.perf_counter() - began) * 1000)
        cpu.append((time.process_time() - cpu_began) * 1000)
    return returned, times[1:], cpu[1:]


def listed(seeds: list[str]) -> str:
    """Return a list literal: DuckDB's Python client takes longer to bind a long list than the query takes."""
    return "[" + ", ".join("'" + seed.replace("'", "''") + "'" for seed in seeds) + "]"


def count(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    """Return the one number that a query gives."""
    (number,) = connection.execute(query).fetchone() or (0,)
    return int(number)


if __name__ == "__main__":
    sys.exit(main())
