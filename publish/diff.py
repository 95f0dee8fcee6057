"""What an edit changes: the public relations and functions of the last build, held against a release."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import duckdb

from common.dbt import artifacts
from common.errors import CommandError, first_line
from common.manifest import Manifest
from common.problems import problem, remedy
from common.progress import Progress
from common.raw_zone import RawZone
from common.sql import literal, quoted
from publish.build import Mart, audit, catalog_of, marts
from publish.connection import limited_connection
from publish.database import functions_and_views
from publish.diff_rows import Change, Rows, compared_rows
from publish.renames import Rename, new_columns, new_tables, new_values
from publish.sql import is_same, with_names, without_catalog

MEMORY_LIMIT = "4GB"
"""Two hashes of each row of the largest relation, before and after, fit in it at 40,000 palettes."""
NO_MODEL = "published_build"
"""The table by which a release says what it holds."""


@dataclass(frozen=True)
class Aspect:
    """What is reported of a relation or function, where it isn't what it was. None: it isn't there."""

    name: str
    """`column x`, `type of x`, `null in x`, `description`, `description of x`, `definition`, `made as`."""
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Difference:
    """A relation or function that differs."""

    kind: Literal["table", "view", "function"]
    name: str
    change: Change
    grain: list[str]
    aspects: list[Aspect]
    rows: Rows


@dataclass(frozen=True)
class Comparison:
    """The last build, held against a release."""

    database: str
    build_id: str
    """The release's."""
    git_commit: str | None
    """The release's."""
    notes: list[str]
    """Why differences may have another cause than one's edit, a sentence each."""
    differences: list[Difference]
    unchanged: list[str]
    for_app: list[str]
    """The tables and functions that an application uses, as the exposures say."""


@dataclass(frozen=True)
class _Column:
    data_type: str
    is_nullable: bool
    description: str


@dataclass(frozen=True)
class _Relation:
    name: str
    kind: Literal["table", "view"]
    description: str
    columns: dict[str, _Column]
    definition: str | None
    rows: str
    """What is selected from."""


@dataclass(frozen=True)
class _Function:
    definition: str
    description: str


@dataclass(frozen=True)
class _Side:
    catalog: str
    relations: dict[str, _Relation]
    functions: dict[str, _Function]


def compare(
    target: Path,
    database: Path,
    zone: RawZone,
    published: Path,
    samples: int,
    progress: Progress,
    renames: Sequence[Rename] = (),
) -> Comparison:
    """Hold what the last build made against a release, with up to `samples` rows of each kind of change.

    A release with older public names is compared under those that `renames` give. `target` is where dbt leaves its
    results. The build needn't be whole; what keeps it from being published is noted. Raises CommandError if either side
    can't be read.
    """
    manifest, project = Manifest.read(published), artifacts(target)[1]
    models = marts(project)
    if not database.is_file():
        raise CommandError(f"there is no build at {database}: run dbt build")
    try:
        with (
            TemporaryDirectory(prefix=".diff-", dir=database.parent) as folder,
            limited_connection(Path(folder), memory_limit=MEMORY_LIMIT) as connection,
        ):
            build = catalog_of(database)
            before = f"{build}_published"
            _attach(connection, database, build, "run dbt build")
            _attach(connection, published / "palettes.duckdb", before, "publish again, with make build")
            notes = _notes(connection, manifest, target, database, build, zone)
            old = _side(connection, before, Path(folder))
            new = _as_published(_side(connection, build, Path(folder)), models)
            old = _renamed(old, new, renames, notes)
            differences = _compared_relations(connection, old, new, models, samples, progress)
            differences += _compared_functions(old, new)
    except duckdb.Error as error:
        reason = first_line(error)
        raise CommandError(f"{database} can't be compared with {published} ({reason}): {remedy(error)}") from error
    except OSError as error:
        raise CommandError(f"can't write to {database.parent} ({error.strerror or error}): {remedy(error)}") from error
    differing = {one.name for one in differences}
    unchanged = sorted((new.relations.keys() | new.functions.keys()) - differing)
    return Comparison(
        str(database), manifest.build_id, manifest.git_commit, notes, differences, unchanged, _for_app(project)
    )


def _for_app(project: dict[str, Any]) -> list[str]:
    applications = [one for one in project.get("exposures", {}).values() if one["type"] == "application"]
    tables = {project["nodes"][key]["alias"] for one in applications for key in one["depends_on"]["nodes"]}
    functions = {name for one in applications for name in one["config"].get("meta", {}).get("functions", [])}
    return sorted(tables | functions)


def _attach(connection: duckdb.DuckDBPyConnection, path: Path, catalog: str, otherwise: str) -> None:
    try:
        connection.execute(f"attach {literal(str(path))} as {quoted(catalog)} (read_only)")
    except duckdb.Error as error:
        raise CommandError(problem(path, error, otherwise)) from error


def _notes(
    connection: duckdb.DuckDBPyConnection, manifest: Manifest, target: Path, database: Path, catalog: str, zone: RawZone
) -> list[str]:
    notes = []
    try:
        audit(target, database, zone, allow_stale=True)
    except CommandError as error:
        notes.append(f"this build can't be published: {error}")
    query = f"select run_id from {quoted(catalog)}.raw.build_runs"
    built = {run_id for (run_id,) in connection.execute(query).fetchall()}
    read = {run.run_id for run in manifest.source_runs}
    if built != read:
        notes.append(
            f"the build read {len(built - read)} runs that the release didn't, and {len(read - built)} of its own no "
            "more: not every difference comes from an edit"
        )
    if (version := manifest.versions.get("duckdb")) != duckdb.__version__:
        notes.append(
            f"the release was made by DuckDB {version}, and this is {duckdb.__version__}: "
            "it may write the same definition in other words"
        )
    return notes


def _side(connection: duckdb.DuckDBPyConnection, catalog: str, directory: Path) -> _Side:
    """Return a database's relations in `main`, and its functions."""
    columns: dict[str, dict[str, _Column]] = {}
    query = """
        select table_name, column_name, data_type, is_nullable, coalesce(comment, '') from duckdb_columns()
        where database_name = ? and schema_name = 'main' order by table_name, column_index
    """
    for table, column, *rest in connection.execute(query, [catalog]).fetchall():
        columns.setdefault(table, {})[column] = _Column(*rest)
    query = """
        select 'table', table_name, coalesce(comment, '') from duckdb_tables()
        where database_name = $1 and schema_name = 'main'
        union all
        select 'view', view_name, coalesce(comment, '') from duckdb_views()
        where database_name = $1 and schema_name = 'main' and not internal
    """
    described = connection.execute(query, [catalog]).fetchall()
    views = {name for kind, name, _ in described if kind == "view"}
    made_of = functions_and_views(connection, catalog, views, directory)
    relations = {
        name: _Relation(name, kind, comment, columns[name], made_of.get(f"VIEW {name}"), _of(catalog, name))
        for kind, name, comment in described
    }
    query = """
        select function_name, coalesce(comment, '') from duckdb_functions() where database_name = ? and not internal
    """
    comments = connection.execute(query, [catalog]).fetchall()
    functions = {name: _Function(made_of.get(f"MACRO {name}", ""), comment) for name, comment in comments}
    return _Side(catalog, relations, functions)


def _of(catalog: str, name: str) -> str:
    return f"{quoted(catalog)}.main.{quoted(name)}"


def _renamed(old: _Side, new: _Side, renames: Sequence[Rename], notes: list[str]) -> _Side:
    """Return the side of a release under the names of today. What has another name now is noted."""
    tables = new_tables(renames, old.relations | old.functions, new.relations | new.functions)
    relations, all_names = {}, dict(tables)
    columns_of: dict[tuple[str, str], list[str]] = {}
    for was, relation in old.relations.items():
        name = tables.get(was, was)
        now = new.relations.get(name)
        names = new_columns(renames, was, relation.columns, now.columns if now else {})
        texts = [column for column, one in relation.columns.items() if one.data_type == "VARCHAR"]
        values = {column: found for column in texts if (found := new_values(renames, was, column))}
        for pair in names.items():
            columns_of.setdefault(pair, []).append(name)
        all_names |= names
        rows = _under_new_names(relation, names, values) if names or values else relation.rows
        columns = {names.get(column, column): one for column, one in relation.columns.items()}
        definition = relation.definition and with_names(relation.definition, tables | names)
        relations[name] = replace(relation, name=name, columns=columns, definition=definition, rows=rows)
    functions = {
        tables.get(name, name): replace(function, definition=with_names(function.definition, all_names))
        for name, function in old.functions.items()
    }
    applied = [f"{was} is {now}" for was, now in tables.items()]
    applied += [f"{was} is {now} in {', '.join(sorted(names))}" for (was, now), names in columns_of.items()]
    if applied:
        notes.append(f"the release has older names and is compared under those of today: {'; '.join(applied)}")
    return _Side(old.catalog, relations, functions)


def _under_new_names(relation: _Relation, names: dict[str, str], values: dict[str, dict[str, str]]) -> str:
    columns = []
    for was in relation.columns:
        cases = "".join(f" when {literal(old)} then {literal(new)}" for old, new in values.get(was, {}).items())
        value = f"case {quoted(was)}{cases} else {quoted(was)} end" if cases else quoted(was)
        columns.append(f"{value} as {quoted(names.get(was, was))}")
    return f"(select {', '.join(columns)} from {relation.rows})"


def _as_published(build: _Side, models: Sequence[Mart]) -> _Side:
    """Return the side of a build as a release of it would have it: the public relations, described, of any database."""
    relations = {}
    for mart in models:
        if mart.name not in build.relations:
            raise CommandError(f"the last build didn't make {mart.name}: run dbt build")
        made, texts = build.relations[mart.name], {column.name: column.description for column in mart.columns}
        columns = {name: replace(column, description=texts.get(name, "")) for name, column in made.columns.items()}
        definition = made.definition and without_catalog(made.definition, build.catalog)
        relations[mart.name] = replace(made, columns=columns, description=mart.description, definition=definition)
    functions = {
        name: replace(function, definition=without_catalog(function.definition, build.catalog))
        for name, function in build.functions.items()
    }
    return _Side(build.catalog, relations, functions)


# Relations


def _compared_relations(
    connection: duckdb.DuckDBPyConnection,
    old: _Side,
    new: _Side,
    models: Sequence[Mart],
    samples: int,
    progress: Progress,
) -> list[Difference]:
    grains = {mart.name: mart.grain for mart in models}
    names = sorted(new.relations.keys() | old.relations.keys() - {NO_MODEL})
    found = []
    for done, name in enumerate(names):
        progress("tables", done, len(names))
        before, after, grain = old.relations.get(name), new.relations.get(name), grains.get(name, [])
        if before and after:
            aspects = _aspects(before, after)
            queries = _shared(before, after), _shared(after, before)
            columns = [column for column in after.columns if column in before.columns]
            rows = compared_rows(connection, *queries, columns, grain, samples) if columns else Rows(0, 0)
            if aspects or rows:
                found.append(Difference(after.kind, name, "changed", grain, aspects, rows))
        elif after:
            count = _count(connection, after)
            found.append(Difference(after.kind, name, "added", grain, [], Rows(0, count)))
        elif before:
            count = _count(connection, before)
            found.append(Difference(before.kind, name, "removed", [], [], Rows(count, 0)))
    progress("tables", len(names), len(names))
    return found


def _shared(relation: _Relation, other: _Relation) -> str:
    """Return a query of the columns that both have; those that differ in type as text."""
    columns = []
    for name, column in relation.columns.items():
        if name in other.columns:
            is_same = column.data_type == other.columns[name].data_type
            columns.append(quoted(name) if is_same else f"{quoted(name)}::varchar as {quoted(name)}")
    return f"select {', '.join(columns)} from {relation.rows}"


def _count(connection: duckdb.DuckDBPyConnection, relation: _Relation) -> int:
    (count,) = connection.execute(f"select count(*) from {relation.rows}").fetchone() or (0,)
    return count


def _aspects(before: _Relation, after: _Relation) -> list[Aspect]:
    aspects = [
        Aspect("made as", before.kind, after.kind),
        Aspect("description", before.description, after.description),
    ]
    if before.kind == after.kind == "view":
        aspects.append(Aspect("definition", before.definition, after.definition))
    gone = [name for name in before.columns if name not in after.columns]
    for name in (*after.columns, *gone):
        old, new = before.columns.get(name), after.columns.get(name)
        if old is None or new is None:
            types = (column.data_type if column else None for column in (old, new))
            aspects.append(Aspect(f"column {name}", *types))
            continue
        aspects.append(Aspect(f"type of {name}", old.data_type, new.data_type))
        if before.kind == after.kind == "table":  # a view never says that a column is without nulls
            words = {True: "allowed", False: "refused"}
            aspects.append(Aspect(f"null in {name}", words[old.is_nullable], words[new.is_nullable]))
        aspects.append(Aspect(f"description of {name}", old.description, new.description))
    return [aspect for aspect in aspects if _differs(aspect)]


def _differs(aspect: Aspect) -> bool:
    if aspect.name == "definition" and aspect.before and aspect.after:
        return not is_same(aspect.before, aspect.after)
    return aspect.before != aspect.after


# Functions


def _compared_functions(before: _Side, after: _Side) -> list[Difference]:
    found = []
    for name in sorted(before.functions.keys() | after.functions.keys()):
        old, new = before.functions.get(name), after.functions.get(name)
        aspects = [
            Aspect("definition", *(one.definition if one else None for one in (old, new))),
            Aspect("description", *(one.description if one else None for one in (old, new))),
        ]
        aspects = [aspect for aspect in aspects if _differs(aspect)]
        change: Change = "added" if old is None else "removed" if new is None else "changed"
        if aspects:
            found.append(Difference("function", name, change, [], aspects, Rows(0, 0)))
    return found
