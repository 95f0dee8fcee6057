"""The last build: what dbt reports about it, and whether it may be handed out."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
from msgspec.structs import replace

from common.dbt import ONLY_LOOK, artifacts
from common.errors import CommandError
from common.manifest import SourceRun
from common.problems import problem
from common.raw_zone import RawZone, RunSummary
from common.sql import quoted

PASSED = {"success", "pass", "warn", "no-op"}
"""How dbt ends what is well. A test that may fail ends with `warn`, and so does one whose limit isn't reached."""
NAMES_IN_AN_ERROR = 10
LONGEST_COMMAND = 60


def catalog_of(database: Path) -> str:
    """Return what DuckDB, and so each view, calls a database: not always the file's name. Raises CommandError."""
    try:
        with duckdb.connect(str(database), read_only=True) as connection:
            return connection.execute("select current_database()").fetchall()[0][0]
    except duckdb.Error as error:
        raise CommandError(problem(database, error, "run dbt build")) from error


@dataclass(frozen=True)
class Column:
    """A column as its contract has it."""

    name: str
    data_type: str
    description: str
    is_required: bool


@dataclass(frozen=True)
class Relation:
    """A relation of the build, and the columns that its rows are put in order by; None where that takes all of them."""

    name: str
    order: list[str] | None

    @property
    def order_by(self) -> str:
        """The order as SQL. It depends on no setting, and no two rows are equal in it."""
        return ", ".join(f"{quoted(name)} asc nulls first" for name in self.order) if self.order else "all"


@dataclass(frozen=True)
class Internal(Relation):
    """What isn't public, and a public view or a function reads."""

    left_out: list[str] = field(default_factory=list)
    """The columns that none of them reads, as `config: meta: unpublished` says."""


@dataclass(frozen=True)
class Mart(Relation):
    """A public model."""

    description: str
    columns: list[Column]
    is_view: bool
    grain: list[str]
    """The columns that name a row, as the model's own test has them."""
    counts_documents_of: Collection[str] = ()
    """The Convex tables of one of which each row needs a document, as `config: meta` says."""
    parquet_on_demand: bool = False
    """A release has no Parquet file of it, as `config: meta` says: `make parquet` writes one."""


@dataclass(frozen=True)
class Build:
    """A build that passed: every model, seed and data test of it."""

    database: Path
    catalog: str
    """The name by which its views and functions call the database."""
    invocation_id: str
    built_at: datetime
    dbt_version: str
    marts: list[Mart]
    internal: list[Internal]
    source_runs: list[SourceRun]
    origin: str = "file"
    """Where the newest of its data came from: a deployment, or `file`."""
    deletes: dict[str, int] = field(default_factory=dict)
    """The deletions that have ever landed, by table of Convex."""
    forgot_at: str = ""
    """The last run in which what had been deleted was forgotten, see `extract.compact`."""

    @property
    def build_id(self) -> str:
        """`YYYYMMDDTHHMMSSZ-<12 hex>`: when dbt was done (UTC), and which command it was. Sorts by time."""
        return f"{self.built_at:%Y%m%dT%H%M%SZ}-{self.invocation_id.replace('-', '')[:12]}"

    @property
    def snapshot_ts(self) -> int | None:
        """Time of the newest snapshot in it, in nanoseconds since 1970; None where no run knows one."""
        return max((run.snapshot_ts for run in self.source_runs if run.snapshot_ts is not None), default=None)


def audit(target: Path, database: Path, zone: RawZone, *, allow_stale: bool = False) -> Build:
    """Return the last build, if all of it passed and it was made of what the raw zone holds now.

    `target` is where dbt leaves its results. With `allow_stale`, the raw zone may hold more. Raises CommandError with
    the names of what failed, or with what else keeps the build from being published.
    """
    rows = read_runs(database)
    results, manifest = artifacts(target)
    try:
        _refuse_unless_whole(target, results, manifest)
        runs = _source_runs(database, rows, results["metadata"]["invocation_id"])
        _refuse_unless_current(zone, runs, allow_stale=allow_stale)
        summaries = zone.summaries(run.run_id for run in runs)
        samples = {run.run_id for run in summaries if run.is_sample}
        return Build(
            database,
            catalog_of(database),
            results["metadata"]["invocation_id"],
            datetime.fromisoformat(results["metadata"]["generated_at"]),
            results["metadata"]["dbt_version"],
            marts(manifest),
            _internal(manifest),
            [replace(run, is_sample=run.run_id in samples) for run in runs],
            summaries[-1].origin,
            _deletes(summaries),
            max((run.run_id for run in summaries if run.forgets_deleted), default=""),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise CommandError(f"{target} isn't what this version of dbt writes ({error!r}): run dbt build") from error


def _refuse_unless_whole(target: Path, results: dict[str, Any], manifest: dict[str, Any]) -> None:
    command, arguments = results["args"].get("invocation_command", "dbt"), results["args"]
    command = command if len(command) <= LONGEST_COMMAND else f"{command[:LONGEST_COMMAND]}…"
    if arguments["which"] in ONLY_LOOK:
        raise CommandError(
            f"the last dbt command was {command!r}, which wrote over what the build had left in {target}: "
            "run dbt build again, which keeps what it made; with --no-write-json, such commands leave it as it is"
        )
    if results["metadata"]["invocation_id"] != manifest["metadata"]["invocation_id"]:
        raise CommandError(
            f"{target} holds the results of one dbt command and the manifest of another, such as dbt ls: run dbt build"
        )
    if arguments["which"] != "build" or arguments.get("empty") or arguments.get("sample"):
        raise CommandError(f"the last dbt command was {command!r}, which isn't a whole build: run dbt build")

    nodes = manifest["nodes"] | manifest["unit_tests"] | manifest.get("functions", {})
    status = {one["unique_id"]: one["status"] for one in results["results"]}
    failed = [key for key, how in status.items() if how not in PASSED]
    if failed:
        first_of_all = [key for key in failed if status[key] != "skipped"] or failed
        names = [f"{nodes.get(key, {'resource_type': 'hook'})['resource_type']} {_name(key)}" for key in first_of_all]
        skipped = len(failed) - len(first_of_all)
        left_out = f", and {skipped} skipped after them" if skipped else ""
        raise CommandError(f"the last build failed in {_listed(names)}{left_out}: fix that, and run dbt build")
    missing = [key for key, node in nodes.items() if _has_to_pass(node) and key not in status]
    if missing:
        names = [f"{nodes[key]['resource_type']} {_name(key)}" for key in missing]
        raise CommandError(f"the last dbt command, {command!r}, left out {_listed(names)}: run dbt build")


def _has_to_pass(node: dict[str, Any]) -> bool:
    if node["resource_type"] == "test":
        return node["config"]["severity"].lower() == "error"
    if node["resource_type"] in ("model", "seed", "snapshot"):
        return node["config"]["materialized"] != "ephemeral"
    return node["resource_type"] == "function"


def _name(unique_id: str) -> str:
    """Return `x` of `model.project.x`, `test.project.x.0123abcdef` and `unit_test.project.model.x`."""
    kind, _project, *names = unique_id.split(".")
    return names[0] if kind == "test" else names[-1]


def _listed(names: list[str]) -> str:
    shown = ", ".join(sorted(names)[:NAMES_IN_AN_ERROR])
    return shown if len(names) <= NAMES_IN_AN_ERROR else f"{shown} and {len(names) - NAMES_IN_AN_ERROR} more"


def read_runs(database: Path) -> list[tuple[Any, ...]]:
    """Return the id of the dbt command that made a database, and a run that it read, by run. Raises CommandError."""
    columns = "invocation_id, run_id, kind, snapshot_ts, source_type, source_name"
    query = f"select {columns} from raw.build_runs order by run_id"  # noqa: S608 - columns of ours
    try:
        with duckdb.connect(str(database), read_only=True) as connection:
            return connection.execute(query).fetchall()
    except duckdb.Error as error:
        raise CommandError(problem(database, error, "run dbt build")) from error


def _source_runs(database: Path, rows: list[tuple[Any, ...]], invocation_id: str) -> list[SourceRun]:
    if not rows:
        raise CommandError(f"no run had landed when {database} was built: python -m extract load PATH, then dbt build")
    if {row[0] for row in rows} != {invocation_id}:
        raise CommandError(f"{database} was made by another dbt command than the last one: run dbt build")
    return [SourceRun(*row[1:]) for row in rows]


def _refuse_unless_current(zone: RawZone, runs: list[SourceRun], *, allow_stale: bool) -> None:
    built, visible = {run.run_id for run in runs}, set(zone.run_ids())
    newest = zone.newest()
    if newest and newest.replaces_to > max(built) and not allow_stale:
        raise CommandError(
            f"run {newest.replaces_to} landed in {zone.directory} after the build began: run dbt build, "
            "or publish what it made with --allow-stale"
        )
    if gone := sorted(built - visible):
        raise CommandError(f"run {gone[0]}, which the build read, is no longer in {zone.directory}: run dbt build")


def _deletes(runs: list[RunSummary]) -> dict[str, int]:
    """Return the deletions that have landed in these runs, and in those that they replaces."""
    deletes: Counter[str] = Counter()
    for run in runs:
        deletes.update({table.name: table.landed_deletes for table in run.tables if table.landed_deletes})
    return dict(sorted(deletes.items()))


def marts(manifest: dict[str, Any]) -> list[Mart]:
    """Return the public models of dbt's manifest. Raises CommandError for one without a test of its grain."""
    grains = _grains(manifest)
    found = []
    for key, node in manifest["nodes"].items():
        if node.get("access") != "public":
            continue
        if key not in grains:
            raise CommandError(f"{node['name']} has no test of its grain: give it unique or unique_combination")
        columns = [
            Column(
                column["name"],
                column["data_type"],
                column["description"].strip(),
                any(one["type"] == "not_null" for one in column["constraints"]),
            )
            for column in node["columns"].values()
        ]
        is_view = node["config"]["materialized"] == "view"
        order, description = _order(node, grains[key]), node["description"].strip()
        meta = node["config"]["meta"]
        counted, on_demand = meta.get("counts_documents_of", ()), meta.get("parquet_on_demand", False)
        found.append(Mart(node["alias"], order, description, columns, is_view, grains[key], counted, on_demand))
    return sorted(found, key=lambda mart: mart.name)


def _internal(manifest: dict[str, Any]) -> list[Internal]:
    nodes, grains = manifest["nodes"], _grains(manifest)
    is_public = {key: node.get("access") == "public" for key, node in nodes.items()}
    readers = [n for key, n in nodes.items() if is_public[key] and n["config"]["materialized"] == "view"]
    readers += manifest.get("functions", {}).values()
    read = {key for reader in readers for key in reader["depends_on"]["nodes"] if key in nodes and not is_public[key]}
    relations = (
        Internal(
            nodes[key]["alias"],
            _order(nodes[key], grains.get(key)),
            nodes[key]["config"]["meta"].get("unpublished", []),
        )
        for key in read
    )
    return sorted(relations, key=lambda relation: relation.name)


def _grains(manifest: dict[str, Any]) -> dict[str, list[str]]:
    """Return for each model the columns that a test holds to be unique."""
    grains: dict[str, list[str]] = {}
    for _key, node in sorted(manifest["nodes"].items()):
        test = node.get("test_metadata") or {}
        if test.get("name") in ("unique", "unique_combination"):
            columns = test["kwargs"].get("columns") or [test["kwargs"]["column_name"]]
            grains.setdefault(node["attached_node"], [column.strip('"') for column in columns])
    return grains


def _order(node: dict[str, Any], grain: list[str] | None) -> list[str] | None:
    """Return the grain, after the columns of `published_first_by`: what is asked for together stands together."""
    first = node["config"]["meta"].get("published_first_by", [])
    return [*first, *(name for name in grain if name not in first)] if grain else None
