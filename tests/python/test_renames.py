"""docs/renames.csv: what it may hold, and what applies of it."""

import re
from pathlib import Path

import pytest
from warehouse import PROJECT

from common.errors import CommandError
from publish.renames import RENAMES, Rename, new_columns, new_tables, new_values, read_renames

HEADER = "table,column,value,new,reason\n"


def test_the_glossary_has_each_line_of_the_file() -> None:
    text = (PROJECT / "docs" / "glossary.md").read_text(encoding="utf-8")
    table = re.search(r"\n## Renamed\n.*?\n\| --- \| --- \| --- \|\n(.*?)\n\n", text, re.DOTALL)
    expected = "\n".join(map(line_of, read_renames(PROJECT / RENAMES)))
    assert table
    assert table[1] == expected, f"paste this into docs/glossary.md, under Renamed:\n{expected}"


def line_of(rename: Rename) -> str:
    """The line of the glossary."""
    parts = [part for part in (rename.table, rename.column) if part and part != "*"]
    was = f"`{'.'.join(parts)}`" + (", in every table" if rename.table == "*" else "")
    was = f"`{rename.value}` in {was}" if rename.value else was
    return f"| {was} | `{rename.new}` | {f'{rename.reason} |' if rename.reason else '|'}"


def test_what_the_release_has_under_a_new_name_already_is_left() -> None:
    renames = [Rename("old", "", "", "new", ""), Rename("other", "", "", "new", "")]
    assert new_tables(renames, {"old": 1}, {"new": 1}) == {"old": "new"}
    assert new_tables(renames, {"new": 1}, {"new": 1}) == {}
    assert new_tables(renames, {"old": 1, "new": 1}, {"new": 1}) == {}
    assert new_tables(renames, {"old": 1}, {"old": 1}) == {}  # the build is older than the file
    assert new_tables(renames, {"old": 1, "other": 1}, {}) == {"old": "new"}


def test_a_line_for_a_table_goes_before_one_for_every_table() -> None:
    renames = [
        Rename("*", "n", "", "count", ""),
        Rename("t", "n", "", "total", ""),
        Rename("*", "kind", "a", "b", ""),
        Rename("t", "kind", "a", "c", ""),
        Rename("t", "kind", "x", "y", ""),
    ]
    assert new_columns(renames, "t", {"n": 1}, {"total": 1}) == {"n": "total"}
    assert new_columns(renames, "u", {"n": 1}, {"count": 1}) == {"n": "count"}
    assert new_values(renames, "t", "kind") == {"a": "c", "x": "y"}
    assert new_values(renames, "u", "kind") == {"a": "b"}
    assert new_values(renames, "u", "n") == {}


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        ("", 1, "the first line isn't"),
        ("table,new\na,b\n", 1, "the first line isn't"),
        (HEADER + "a,,,b,\na,b\n", 3, "2 fields instead of 5"),
        (HEADER + ",x,,b,\n", 2, "can't be empty"),
        (HEADER + "a,x,,,why\n", 2, "can't be empty"),
        (HEADER + "\n*,,,b,\n", 3, "* needs a column"),
        (HEADER + "a,,x,b,\n", 2, "a value needs its column"),
        (HEADER + "a,x,,b,\n*,x,,b,\na,x,,c,\n", 4, "a second new name of a x"),
        (HEADER + 'a,x,,b,"why\n', 2, "unexpected end"),
        (HEADER + "a,x,,b,\na,\udcff,,b,\n", 3, "not UTF-8"),
        (HEADER + "a,x,,b\x00,\n", 2, "not UTF-8, or a character"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(tmp_path: Path, content: str, line: int, reason: str) -> None:
    path = tmp_path / "renames.csv"
    path.write_text(content, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(CommandError, match=rf"renames.csv, line {line}: .*{re.escape(reason)}"):
        read_renames(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"missing.csv can't be read \(No such file"):
        read_renames(tmp_path / "missing.csv")
