"""palettes.duckdb and parquet/: the public relations of a build, in files of their own.

The marts keep their contract: types, not-null constraints and descriptions. A mart that is a view stays one, since
what it joins is an eighth of the size of what it shows (`tag_values`, docs/decisions/0006-releases.md); the
tables that it reads go along in the schema `internal`. So do those that a function reads.
"""

from collections.abc import Container
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from common.errors import CommandError, first_line
from common.progress import Tell
from common.sql import literal, quoted
from publish.build import Build, Mart
from publish.connection import limited_connection
from publish.sql import INTERNAL, without_catalog

STORAGE_VERSION = "v1.4.0"
"""The oldest that knows typed arguments of functions. Readers need DuckDB 1.4.2: 1.4.0 and 1.4.1 lose stored CTEs."""


def write_database(build: Build, path: Path, git_commit: str | None, step: Tell) -> None:
    """Write the public relations and all functions of a build to a new file. Raises duckdb.Error or CommandError."""
    catalog, copy = quoted(build.catalog), quoted(f"{build.catalog}_published")
    with limited_connection(path.parent) as connection:
        connection.execute(f"attach {literal(str(build.database))} as {catalog} (read_only)")
        connection.execute(f"attach {literal(str(path))} as {copy} (storage_version '{STORAGE_VERSION}')")
        connection.execute(f"create schema {copy}.{INTERNAL}")
        for relation in build.internal:
            step(relation.name)
            left_out = f" exclude ({', '.join(map(quoted, relation.left_out))})" if relation.left_out else ""
            rows = f"select *{left_out} from {catalog}.{INTERNAL}.{quoted(relation.name)} order by {relation.order_by}"
            connection.execute(f"create table {copy}.{INTERNAL}.{quoted(relation.name)} as {rows}")
        for mart in build.marts:
            if not mart.is_view:
                step(mart.name)
                _copy_table(connection, mart, catalog, copy)
        views = {mart.name for mart in build.marts if mart.is_view}
        made_of = functions_and_views(connection, build.catalog, views, path.parent).values()
    with limited_connection(path.parent, path) as connection:
        make(connection, [without_catalog(statement, build.catalog) for statement in made_of])
        for mart in build.marts:
            _describe(connection, mart)
        _comment_functions(connection, build)
        _say_which_build(connection, build, git_commit)


def write_parquet(build: Build, database: Path, directory: Path, step: Tell) -> None:
    """Write marts to `<mart>.parquet`: the same bytes for the same rows, whatever the number of threads.

    Those with `parquet_on_demand` are left out.
    """
    directory.mkdir()
    with limited_connection(directory.parent) as connection:
        connection.execute(f"attach {literal(str(database))} as published (read_only)")
        connection.execute("use published")
        for mart in build.marts:
            if mart.parquet_on_demand:
                continue
            step(f"{mart.name}.parquet")
            rows = f"select * from main.{quoted(mart.name)} order by {mart.order_by}"
            path = literal(str(directory / f"{mart.name}.parquet"))
            connection.execute(f"copy ({rows}) to {path} (format parquet, compression zstd)")


def _copy_table(connection: duckdb.DuckDBPyConnection, mart: Mart, catalog: str, copy: str) -> None:
    columns = (f"{quoted(c.name)} {c.data_type}{' not null' if c.is_required else ''}" for c in mart.columns)
    connection.execute(f"create table {copy}.main.{quoted(mart.name)} ({', '.join(columns)})")
    names = ", ".join(quoted(column.name) for column in mart.columns)
    rows = f"select {names} from {catalog}.main.{quoted(mart.name)} order by {mart.order_by}"
    connection.execute(f"insert into {copy}.main.{quoted(mart.name)} {rows}")


def functions_and_views(
    connection: duckdb.DuckDBPyConnection, catalog: str, views: Container[str], directory: Path
) -> dict[str, str]:
    """Return the statements that made all functions and these views of a database, by `MACRO x` and `VIEW x`.

    Only an export has the defaults of a function's arguments. It is written below `directory`, and deleted.
    """
    schema_only = quoted(f"{catalog}_schema")
    connection.execute(f"attach ':memory:' as {schema_only}")
    connection.execute(f"copy from database {quoted(catalog)} to {schema_only} (schema)")
    connection.execute(f"use {schema_only}")
    with TemporaryDirectory(dir=directory) as folder:
        connection.execute(f"export database {literal(folder)}")
        schema = (Path(folder) / "schema.sql").read_text(encoding="utf-8")
    connection.execute("use memory")
    connection.execute(f"detach {schema_only}")
    statements = (statement.query.strip().rstrip(";") for statement in connection.extract_statements(schema))
    named = {
        " ".join(statement.replace('"', "").split()[1:3]): statement
        for statement in statements
        if statement[:7] == "CREATE "
    }
    return {
        name: statement
        for name, statement in named.items()
        if name.startswith("MACRO ") or name.removeprefix("VIEW ") in views
    }


def make(connection: duckdb.DuckDBPyConnection, statements: list[str]) -> None:
    """Execute statements that may need each other, in whatever order works. Raises duckdb.Error or CommandError."""
    while statements:
        failed = {}
        for statement in statements:
            try:
                connection.execute(statement)
            except (duckdb.CatalogException, duckdb.BinderException) as error:  # it may need another first
                failed[statement] = error
        if len(failed) == len(statements):
            statement, error = next(iter(failed.items()))
            what, name = statement.split()[1:3]
            raise CommandError(
                f"the {what.lower()} {name} can't be published, for it needs what isn't public: {first_line(error)}"
            ) from error
        statements = [*failed]


def _describe(connection: duckdb.DuckDBPyConnection, mart: Mart) -> None:
    relation = f"main.{quoted(mart.name)}"
    connection.execute(f"comment on {'view' if mart.is_view else 'table'} {relation} is {literal(mart.description)}")
    for column in mart.columns:
        connection.execute(f"comment on column {relation}.{quoted(column.name)} is {literal(column.description)}")


def _comment_functions(connection: duckdb.DuckDBPyConnection, build: Build) -> None:
    with duckdb.connect(str(build.database), read_only=True) as source:
        comments = source.execute(
            "select function_name, function_type, comment from duckdb_functions() where not internal and comment <> ''"
        ).fetchall()
    for name, kind, comment in comments:
        what = "macro table" if kind == "table_macro" else "macro"
        connection.execute(f"comment on {what} main.{quoted(name)} is {literal(comment)}")


def _say_which_build(connection: duckdb.DuckDBPyConnection, build: Build, git_commit: str | None) -> None:
    connection.execute(
        "create table main.published_build"
        " (build_id varchar not null, built_at timestamp not null, snapshot_ts bigint, git_commit varchar)"
    )
    built_at = build.built_at.replace(tzinfo=None)
    row = [build.build_id, built_at, build.snapshot_ts, git_commit]
    connection.execute("insert into main.published_build values (?, ?, ?, ?)", row)
    connection.execute("comment on table main.published_build is 'One row: the build that this file holds.'")
