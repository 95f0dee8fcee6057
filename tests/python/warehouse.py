"""The project itself, in a place of its own: land documents, run dbt in this process, look at what came out."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner, dbtRunnerResult
from dbt.contracts.graph.manifest import Manifest
from dbt_common.events.base_types import EventMsg
from dbt_common.invocation import get_invocation_id

from common.raw_zone import RunSummary
from extract.landing import LandingZone
from extract.load import load

PROJECT = Path(__file__).parents[2]
WITHOUT_TESTS = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test", "--no-write-json")
"""What makes `dbt build` make seeds and models alone, in half the time. Without a manifest, publish refuses it."""

_PARSED: list[bytes] = []
"""The project as dbt has parsed it, once it has: it takes as long to parse as the sample takes to build."""


class Warehouse:
    """A raw zone and a database under one directory. A process parses the project once for all of them."""

    def __init__(self, directory: Path, project: Path = PROJECT):
        self.directory = directory
        self.project = project
        self.raw_dir = directory / "raw"
        self.database = directory / "build.duckdb"
        self.target = directory / "target"
        self._dbt = dbtRunner()

    def land(self, path: Path, table: str | None = None) -> RunSummary:
        """Land an archive, or as the only documents of a table what a file holds, little as that may be."""
        return load(path, LandingZone(self.raw_dir), table=table, lenient=True, allow_shrink=[table] if table else [])

    def land_documents(self, table: str, documents: Sequence[str]) -> RunSummary:
        """Land JSON texts as the only documents of a table."""
        path = self.directory / f"{table}.jsonl"
        path.write_bytes("".join(f"{document}\n" for document in documents).encode())
        return self.land(path, table)

    def forget_runs(self) -> None:
        """Empty the raw zone."""
        shutil.rmtree(self.raw_dir, ignore_errors=True)

    def settings(self) -> dict[str, str]:
        """Return the settings that dbt is given."""
        return {
            "RAW_DIR": str(self.raw_dir),
            "DUCKDB_PATH": str(self.database),
            "DBT_TARGET_PATH": str(self.target),
            "DBT_LOG_PATH": str(self.directory / "logs"),
            "DBT_LOG_LEVEL_FILE": "none",  # a twelfth of a build's time
            "DBT_PROJECT_DIR": str(self.project),
            "DBT_PROFILES_DIR": str(self.project),
        }

    def dbt(self, *arguments: str) -> dbtRunnerResult:
        """Run a dbt command from the project's root, as a user would, and return its result."""
        settings = self.settings()
        before = {name: os.environ.get(name) for name in settings}
        os.environ.update(settings)
        try:
            return self._runner().invoke(["--quiet", *arguments])
        finally:
            parsed = self.target / "partial_parse.msgpack"
            if self.project == PROJECT and not _PARSED and parsed.exists():
                _PARSED.append(parsed.read_bytes())
            DuckDBConnectionManager.close_all_connections()  # it would keep others out until this process ends
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})

    def _runner(self) -> dbtRunner:
        if self.project != PROJECT or self.database.name != "build.duckdb" or not _PARSED:
            return self._dbt  # tables are parsed with the name of the database's file
        manifest = Manifest.from_msgpack(_PARSED[0])
        manifest.build_flat_graph()

        def name_command(_: EventMsg) -> None:
            manifest.metadata.invocation_id = get_invocation_id()

        return dbtRunner(manifest=manifest, callbacks=[name_command])

    def run(self, *arguments: str) -> None:
        """Run a dbt command that has to succeed."""
        result = self.dbt(*arguments)
        failed = [
            f"{one.node.name}: {one.message}"
            for one in getattr(result.result, "results", [])
            if one.status in ("error", "fail")
        ]
        assert result.success, "\n".join(failed) or str(result.exception)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return what a query gives; it may name internal tables plainly."""
        with duckdb.connect(str(self.database), read_only=True) as connection:
            made = connection.execute("select schema_name from duckdb_schemas() where schema_name = 'internal'")
            connection.execute(f"set search_path = '{','.join(['main', *(name for (name,) in made.fetchall())])}'")
            return connection.execute(query).fetchall()

    def insert(self, table: str, values: Sequence[str]) -> None:
        """Add a row to a table of the database, as an edit of a seed would."""
        with duckdb.connect(str(self.database)) as connection:
            connection.execute(f"insert into {table} values ({', '.join('?' for _ in values)})", list(values))
