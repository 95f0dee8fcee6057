"""What dbt says of the project: its manifest, and the catalogue of the columns that a database gets from it."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner, dbtRunnerResult

from common.dbt import colours
from common.errors import CommandError

STRICT = ("--warn-error-options", '{"error": ["Deprecations", "InvalidMacroAnnotation"]}')


def make_artefacts(directory: Path) -> None:
    """Write manifest.json and catalog.json of the project in the working directory to `directory`.

    Models and seeds are built without a row, in a database of their own: no data is needed, and none is touched. All
    files are parsed, for dbt tells of what is deprecated only in those that it parses.
    Raises CommandError when dbt can't build them.
    """
    directory.mkdir(parents=True, exist_ok=True)
    database = directory / "empty.duckdb"
    database.unlink(missing_ok=True)
    settings = {
        "DUCKDB_PATH": str(database),
        "RAW_DIR": str(directory / "no_runs"),
        "DBT_TARGET_PATH": str(directory),
        "DBT_LOG_PATH": str(directory),
    }
    with _environment(settings):
        _dbt("build", "--empty", "--resource-type", "model", "--resource-type", "seed", "--no-partial-parse", *STRICT)
        _dbt("docs", "generate", "--no-compile")


def _dbt(*arguments: str) -> None:
    try:
        result: dbtRunnerResult = dbtRunner().invoke(["--quiet", colours(), *arguments])
    finally:
        DuckDBConnectionManager.close_all_connections()  # it would keep others out until this process ends
    if not result.success:
        raise CommandError(f"dbt {arguments[0]} failed on tables without rows; fix what it says above first")


@contextmanager
def _environment(settings: dict[str, str]) -> Generator[None]:
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
