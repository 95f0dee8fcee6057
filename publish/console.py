"""A read-only SQL shell on what is published: DuckDB's own, opened with a greeting that says what is there."""

import os
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import duckdb
from rich.console import Console
from rich.table import Table

from common.command import become
from common.errors import CommandError
from common.limits import limits
from common.problems import problem
from common.sql import literal
from common.text import visible

MEMORY_LIMIT = "4GB"
COLOURED = ("highlight", "highlight_errors", "highlight_results")
TABLES = """
    select table_name, comment from duckdb_tables() where schema_name = 'main'
    union all
    select view_name, comment from duckdb_views() where schema_name = 'main' and not internal
    order by all
"""
FUNCTIONS = """
    select function_name || '(' || list_aggregate(parameters, 'string_agg', ', ') || ')', comment
    from duckdb_functions() where not internal and schema_name = 'main' order by all
"""


def open_console(published: Path, arguments: Sequence[str]) -> NoReturn:
    """Become DuckDB's shell on a release; `arguments` are the shell's own. Raises CommandError where there is none.

    The release stays the one that was current at the beginning: a later one changes nothing here.
    """
    shell = Path(sysconfig.get_path("scripts")) / "duckdb"
    if not shell.is_file():
        raise CommandError(f"there is no {shell}: make env installs DuckDB's shell (duckdb-cli)")
    path = published / "palettes.duckdb"
    is_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    _look_at(path, greets=is_terminal)
    become(str(shell), ["-readonly", *_options(arguments), *_settings(), *arguments, str(path)])


def _options(arguments: Sequence[str]) -> list[str]:
    """Return the shell's options: nothing of ~/.duckdbrc, which may print, and empty cells for nulls in CSV."""
    given = {f"-{argument.lstrip('-')}" for argument in arguments if argument.startswith("-")}  # -csv or --csv
    options = [] if "-init" in given else ["-no-init"]
    if os.environ.get("NO_COLOR"):  # which the shell doesn't know
        options += [word for what in COLOURED for word in ("-cmd", f".{what} off")]
    return [*options, "-nullvalue", ""] if "-csv" in given else options


def _settings() -> list[str]:
    commands = [f"set {name} = {literal(value)}" for name, value in limits(MEMORY_LIMIT).items()]
    commands.append("set autoinstall_known_extensions = false")
    return [word for command in commands for word in ("-cmd", command)]


def _look_at(path: Path, *, greets: bool) -> None:
    """See that the database can be opened, and greet with what it has. Raises CommandError."""
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            if not greets:
                return
            tables, functions = (connection.execute(query).fetchall() for query in (TABLES, FUNCTIONS))
    except duckdb.Error as error:
        raise CommandError(problem(path, error, "run make build")) from error
    console = Console(highlight=False)
    for title, rows in (("tables", tables), ("functions: from top_tags('mood', n := 20)", functions)):
        table = Table(title=title, title_justify="left", box=None, show_header=False, pad_edge=False)
        for name, comment in rows:
            table.add_row(visible(name), visible(_first_sentence(comment or "")), style="")
        console.print(table, markup=False)
    console.print(f"{path}, read-only. summarize tag_totals; .schema TABLE; .quit or Ctrl-D ends\n", markup=False)


def _first_sentence(text: str) -> str:
    return " ".join(text.split()).split(". ")[0].split(": ")[0].rstrip(".")
