"""What the published database holds: how many rows, a few of them, and what the table functions return."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from common.errors import CommandError, first_line
from common.manifest import Manifest
from common.paths import as_pattern
from common.problems import problem
from common.sql import literal, quoted
from docsite.project import Function, Table


@dataclass(frozen=True)
class Sample:
    """Rows of a table, as many as were asked for, and how many it has."""

    columns: list[str]
    rows: list[tuple[Any, ...]]
    row_count: int


@dataclass(frozen=True)
class ReturnedColumn:
    """A column that a table function returns."""

    name: str
    data_type: str


class Release:
    """A release, to be looked at in a `with` block. Raises CommandError where it doesn't fit the project."""

    def __init__(self, directory: Path):
        self.manifest = Manifest.read(directory)
        self._directory = directory
        try:
            self._database = duckdb.connect(str(directory / "palettes.duckdb"), read_only=True)
        except duckdb.Error as error:
            raise CommandError(problem(directory / "palettes.duckdb", error, "run make build")) from error

    def __enter__(self) -> "Release":
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def sample(self, table: Table, row_count: int) -> Sample:
        """Return the first rows of a table, in the order it was published in, or else by its grain.

        They are read from its Parquet file, if there is one: a view has no order.
        """
        file = self._directory / "parquet" / f"{table.name}.parquet"
        ordered = f"read_parquet({literal(as_pattern(file))}, hive_partitioning = false)"
        if not file.exists():
            ordered = (
                f"{quoted(table.name)} order by {', '.join(f'{quoted(name)} nulls first' for name in table.grain)}"
            )
        rows = self._query(f"select * from {ordered} limit {row_count}")
        columns = [column[0] for column in self._database.description or []]
        counts = self.manifest.rows or dict(
            self._query(f"select {literal(table.name)}, count(*) from {quoted(table.name)}")
        )
        return Sample(columns, rows, counts[table.name])

    def returned(self, function: Function) -> list[ReturnedColumn]:
        """Return the columns of a table function."""
        given = ", ".join("null" for argument in function.arguments if argument.default is None)
        rows = self._query(f"describe from {quoted(function.name)}({given})")
        return [ReturnedColumn(row[0], row[1].lower()) for row in rows]

    def _query(self, query: str) -> list[tuple[Any, ...]]:
        try:
            return self._database.execute(query).fetchall()
        except (duckdb.CatalogException, duckdb.BinderException) as error:
            reason = first_line(error)
            raise CommandError(
                f"{self._directory} isn't of the project as it is now ({reason}): run make build"
            ) from error
        except duckdb.Error as error:
            raise CommandError(problem(self._directory, error, "run make build")) from error
