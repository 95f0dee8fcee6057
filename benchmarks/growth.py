"""`make bench-growth`: how time and memory grow with the number of palettes.

Lands, builds and publishes exports of several sizes, and prints time and memory of each with the exponent: the slope of
a straight line through the logarithms, 1 where twice as many palettes cost twice as much. Beside it stands the exponent
of the last step alone, which shows where it stops being so. Start-up makes both smaller at small sizes.
"""

import argparse
import math
import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.bench import WIDTH, Measured, measure_size, seconds
from benchmarks.measuring import PROJECT, Cost
from benchmarks.results_page import PAGE, markdown_table, replace_section, where_and_of_what

MATTERS = 0.02
"""The share of the time of all models from which on it matters how a model grows."""
FASTEST = 8
TITLE = "Growth"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__.partition("\n\n")[2])
    sizes = [5_000, 10_000, 20_000, 40_000, 80_000]
    parser.add_argument("--palettes", type=int, nargs="+", default=sizes, metavar="N", help="two sizes or more")
    parser.add_argument("--runs", type=int, default=1, metavar="N", help="how often each is run (1)")
    parser.add_argument("--models-only", action="store_true", help="no whole build with its tests, and no publishing")
    parser.add_argument("--directory", type=Path, default=PROJECT / "data" / "bench")
    parser.add_argument("--results", type=Path, default=PAGE, help="the page to write (benchmarks/results.md)")
    options = parser.parse_args(arguments)
    if len(options.palettes) < 2 or options.palettes != sorted(set(options.palettes)):
        parser.error("--palettes takes two sizes or more, smallest first")
    found = [
        measure_size(palettes, options.runs, options.directory, whole=not options.models_only, beside=False)
        for palettes in options.palettes
    ]
    report(found, options.results)
    return 0


def report(found: Sequence[Measured], page: Path) -> None:
    """Print the tables, and write them to the page."""
    tables = growth_tables(found)
    console = Console()
    console.width = max(console.width, WIDTH)
    for title, columns, rows in tables:
        table = Table(title=title)
        for number, column in enumerate(columns):
            table.add_column(column, justify="right" if number else "left")
        for cells in rows:
            table.add_row(*cells)
        console.print(table)
    body = [f"Medians of {found[0].runs}. {where_and_of_what()}"]
    body += [f"{title}:\n\n{markdown_table(columns, rows)}" for title, columns, rows in tables]
    replace_section(page, TITLE, "\n\n".join(body))


def growth_tables(found: Sequence[Measured]) -> list[tuple[str, list[str], list[list[str]]]]:
    """Return title, columns and rows of each table: time, CPU, memory, and the models that grow fastest."""
    sizes = [f"{measured.palettes:,}" for measured in found]
    columns = [*sizes, "exponent", "last step"]
    total = sum(cost.wall for cost in found[-1].models.values())
    dear = {name for name, cost in found[-1].models.items() if cost.wall >= MATTERS * total}
    models = [
        (name, [measured.models[name] for measured in found])
        for name in sorted(dear)
        if all(name in measured.models for measured in found)
    ]
    models.sort(key=lambda item: -exponent(found, [cost.wall for cost in item[1]]))
    stages = [(name, [measured.costs[name] for measured in found]) for name in found[0].costs]
    return [
        ("Seconds", ["palettes", *columns], _rows(found, stages, lambda cost: cost.wall, seconds)),
        ("CPU seconds", ["palettes", *columns], _rows(found, stages, lambda cost: cost.cpu, seconds)),
        ("Memory at its peak, MB", ["palettes", *columns], _rows(found, stages, lambda cost: cost.peak, _whole)),
        (
            "Seconds of the models that grow fastest",
            ["model", *columns],
            _rows(found, models[:FASTEST], lambda cost: cost.wall, seconds),
        ),
    ]


def exponent(found: Sequence[Measured], measures: Sequence[float]) -> float:
    """Return by which power of the number of answers a measure grows."""
    sizes = [math.log(measured.answers) for measured in found]
    return statistics.linear_regression(sizes, [math.log(max(measure, 1e-6)) for measure in measures]).slope


def _rows(
    found: Sequence[Measured],
    costs: Sequence[tuple[str, list[Cost]]],
    measure: Callable[[Cost], float],
    shown: Callable[[float], str],
) -> list[list[str]]:
    rows = []
    for name, several in costs:
        measures = [measure(cost) for cost in several]
        slopes = [exponent(found, measures), exponent(found[-2:], measures[-2:])]
        rows.append([name.strip(), *map(shown, measures), *(f"{slope:.2f}" for slope in slopes)])
    return rows


def _whole(number: float) -> str:
    return f"{number:,.0f}"


if __name__ == "__main__":
    sys.exit(main())
