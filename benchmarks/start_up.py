"""`make bench-startup`: what the smallest change costs, where the time is that of dbt's start and not of the data.

Builds the sample in a copy of the project, then edits one model after another, and after each edit runs
`dbt build -s MODEL`: dbt parses what changed, makes the model, and runs its tests.
"""

import argparse
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from benchmarks.measuring import PROJECT, Cost, measure, median

PARTS = ("dbt_project.yml", "profiles.yml", "analyses", "functions", "macros", "models", "seeds", "tests")
MODELS = ("stg_convex__palettes", "int_tag_values", "tag_totals", "unmapped_tags")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.start_up", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, metavar="N", help="how often each model is edited (5)")
    parser.add_argument("--models", nargs="+", default=MODELS, metavar="MODEL", help=f"({' '.join(MODELS)})")
    options = parser.parse_args(arguments)
    table = Table("what", "wall s", "CPU s", title=f"the sample, median of {options.runs} runs")
    with TemporaryDirectory() as folder:
        for what, costs in start_up_costs(Path(folder), options.models, options.runs).items():
            cost = median(costs)
            table.add_row(what, f"{cost.wall:.1f}", f"{cost.cpu:.1f}")
    Console().print(table)
    return 0


def start_up_costs(directory: Path, models: Sequence[str], runs: int) -> dict[str, list[Cost]]:
    """Return what the builds cost, by what was built. Raises SystemExit if one fails, or if there is no such model."""
    project = _copied_project(directory / "project")
    settings = {
        "RAW_DIR": str(directory / "raw"),
        "DUCKDB_PATH": str(directory / "build.duckdb"),
        "DBT_TARGET_PATH": str(directory / "target"),
        "DBT_LOG_PATH": str(directory / "logs"),
        "DBT_PROJECT_DIR": str(project),
        "DBT_PROFILES_DIR": str(project),
    }
    build = [str(Path(sys.executable).parent / "dbt"), "--quiet", "build"]
    measure([sys.executable, "-m", "extract", "load", "sample/convex-export.zip"], settings)
    costs = {"dbt build, the first": [measure(build, settings)]}
    costs["dbt build, with nothing changed"] = [measure(build, settings) for _ in range(runs)]
    for model in models:
        costs[f"dbt build -s {model}, after an edit"] = [
            _cost_of_edit(project, model, build, settings) for _ in range(runs)
        ]
    return costs


def _copied_project(project: Path) -> Path:
    project.mkdir()
    for part in PARTS:
        copy = shutil.copytree if (PROJECT / part).is_dir() else shutil.copyfile
        copy(PROJECT / part, project / part)
    return project


def _cost_of_edit(project: Path, model: str, build: Sequence[str], settings: Mapping[str, str]) -> Cost:
    path = next((project / "models").rglob(f"{model}.sql"), None)
    if path is None:
        raise SystemExit(f"start_up: there is no model {model}")
    with path.open("a", encoding="utf-8") as file:
        file.write("\n-- edited")
    return measure([*build, "-s", model], settings)


if __name__ == "__main__":
    raise SystemExit(main())
