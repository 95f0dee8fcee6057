"""SQL that is made to fit another database, and that is compared with another's."""

from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from publish.database import functions_and_views
from publish.sql import is_same, with_names, without_catalog


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("select * from build.main.seen", "select * from main.seen"),
        ("select * from build.internal.hidden", "select * from internal.hidden"),
        ('select * from "build"."internal"."hidden" h', 'select * from "internal"."hidden" h'),
        ("select * from main.seen", None),  # as DuckDB 2.0 writes a view
        ("select * from other.main.hidden", None),
        ("select * from build.raw.hidden", None),
        ("select 'build.main.hidden', 1 /* build.main.hidden */", None),
        ("select x.build.main.hidden from x", None),
        ("select build.main from build", None),
    ],
)
def test_a_statement_names_no_database(statement: str, expected: str | None) -> None:
    assert without_catalog(statement, "build") == (expected or statement)


def test_a_statement_gets_other_names() -> None:
    names = {"old": "new", "n": "odd name"}
    statement = "create macro f(n) as table (select old.n, 'old n', older from main.\"old\")"
    expected = 'create macro f("odd name") as table (select new."odd name", \'old n\', older from main.new)'
    assert with_names(statement, names) == expected
    assert with_names(statement, {}) == statement


def made(directory: Path, number: int, statements: list[str]) -> list[str]:
    """Make these in a new database, read its file again, and return what DuckDB then says they were made by."""
    path = directory / f"{number}.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table t as select 1 as a, 2 as b, 3 as c, 4 as d, 5 as e, 6 as f")
        for statement in statements:
            connection.execute(statement)
    with duckdb.connect() as connection:
        connection.execute(f"attach '{path}' as db (read_only)")
        return [*functions_and_views(connection, "db", {"v"}, directory).values()]


def test_what_duckdb_writes_in_another_order_at_each_reload_is_the_same(tmp_path: Path) -> None:
    first = [
        "create macro told(x := null) as table (select * exclude (b, d, c, e), 'A' as text from t where a = x)",
        "create macro more(x, y := [1, 2]) as x + len(y)",
        "create view v as select * exclude (b, d, e) replace (c + 1 as c, a + 1 as a) from t",
    ]
    before = made(tmp_path, 0, first)
    versions = [before]
    for number in range(1, 4):
        versions.append(made(tmp_path, number, versions[-1]))
    assert len({tuple(version) for version in versions}) > 1  # or else nothing is shown here
    for version in versions:
        assert all(is_same(*pair) for pair in zip(before, version, strict=True))


EDITS = [
    ("(b, d)", "(b)"),
    ("'A'", "'a'"),
    ("a = x", "a <> x"),
    ("x := NULL", "x := 1"),
    ("'A', 'B'", "'B', 'A'"),
    ("1.50", "1.5"),
    ("(c + 1)", "(1 + c)"),
]


@pytest.mark.parametrize(("old", "new"), EDITS)
def test_what_says_something_else_is_not_the_same(old: str, new: str) -> None:
    statement = (
        "CREATE MACRO told (x := NULL) AS TABLE "
        "(SELECT * EXCLUDE (b, d) REPLACE ((c + 1) AS c), replace('A', 'B', 'C'), 1.50 FROM t WHERE (a = x))"
    )
    assert old in statement
    assert not is_same(statement, statement.replace(old, new))
    assert is_same(statement, statement.lower().replace("'a', 'b', 'c'", "'A', 'B', 'C'").replace("(b, d)", "( d,B )"))


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_text_is_compared_with_any_other(one: str, other: str) -> None:
    assert is_same(f"create view v as {one}", f"create view v as {one}")
    quoted = (f"create view v as select '{text.replace(chr(39), 2 * chr(39))}' as x" for text in (one, other))
    if "\0" not in one + other:
        assert is_same(*quoted) == (one == other)
