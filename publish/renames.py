"""Public names that have changed: a file of them, and an older release under the names of today."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from common.errors import CommandError

RENAMES = Path("docs/renames.csv")
HEADER = ["table", "column", "value", "new", "reason"]
EVERY_TABLE = "*"


@dataclass(frozen=True)
class Rename:
    """A line of the file: what a table, a column or a text value was called, and its name of today."""

    table: str
    """The table's old name, or `*`: each that has the column."""
    column: str
    """The column's old name; empty where the table itself has a new name."""
    value: str
    """The old text; empty where the column itself has a new name."""
    new: str
    reason: str


def read_renames(path: Path) -> list[Rename]:
    """Read a file of renames. Raises CommandError with the line that can't be used."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CommandError(f"{path} can't be read ({error.strerror}): name another file with --renames") from error
    lines = csv.reader(content.decode("utf-8", "surrogateescape").splitlines(keepends=True), strict=True)
    found: dict[tuple[str, str, str], Rename] = {}
    try:
        if next(lines, None) != HEADER:
            raise ValueError(f"the first line isn't {','.join(HEADER)}")
        for fields in filter(None, lines):
            if problem := _problem(fields):
                raise ValueError(problem)
            rename = Rename(*fields)
            if (key := (rename.table, rename.column, rename.value)) in found:
                raise ValueError(f"a second new name of {' '.join(filter(None, key))}")
            found[key] = rename
    except (ValueError, csv.Error) as error:
        line = max(1, lines.line_num)
        raise CommandError(
            f"{path}, line {line}: {error}; python -m publish diff --help says how it is written"
        ) from error
    return list(found.values())


def _problem(fields: list[str]) -> str:
    if len(fields) != len(HEADER):
        return f"{len(fields)} fields instead of {len(HEADER)}"
    if not "".join(fields).isprintable():
        return "not UTF-8, or a character that can't be seen"
    table, column, value, new, _reason = fields
    if not table or not new:
        return "table and new can't be empty"
    if value and not column:
        return "a value needs its column"
    return "* needs a column" if table == EVERY_TABLE and not column else ""


def new_tables(renames: Sequence[Rename], old: Mapping[str, object], new: Mapping[str, object]) -> dict[str, str]:
    """Return the tables of a release that have another name today, with that name."""
    return _new_names({one.table: one.new for one in renames if not one.column}, old, new)


def new_columns(
    renames: Sequence[Rename], table: str, old: Mapping[str, object], new: Mapping[str, object]
) -> dict[str, str]:
    """Return the columns of a table of a release that have another name today, with that name.

    `table` is the old name. A line for the table takes precedence over one for every table.
    """
    lines = [one for scope in (table, EVERY_TABLE) for one in renames if one.table == scope and one.column]
    names: dict[str, str] = {}
    for one in lines:
        if not one.value:
            names.setdefault(one.column, one.new)
    return _new_names(names, old, new)


def new_values(renames: Sequence[Rename], table: str, column: str) -> dict[str, str]:
    """Return the text values of a column that are written otherwise today. `table` and `column` are the old names."""
    lines = [one for scope in (EVERY_TABLE, table) for one in renames if (one.table, one.column) == (scope, column)]
    return {one.value: one.new for one in lines if one.value}


def _new_names(names: dict[str, str], old: Mapping[str, object], new: Mapping[str, object]) -> dict[str, str]:
    """Return the names that apply: the release has the old one and not the new one, and the build isn't like it."""
    found: dict[str, str] = {}
    for was, now in names.items():
        is_named_so = was in old and now not in old and (now in new or was not in new)
        if is_named_so and now not in found.values():
            found[was] = now
    return found
