"""SQL that is made to fit another database."""

import pytest

from publish.sql import moved


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("select * from build.main.seen", "select * from main.seen"),
        ("select * from build.main.hidden", "select * from internal.hidden"),
        ('select * from "build"."main"."hidden"', 'select * from internal."hidden"'),
        ("select * from main.seen", "select * from main.seen"),
        ("select * from main.hidden", "select * from internal.hidden"),  # as DuckDB 2.0 writes a view
        ('select * from "main"."hidden" h', 'select * from internal."hidden" h'),
        ("select * from other.main.hidden", "select * from other.main.hidden"),
        ("select 'build.main.hidden', 'main.hidden' /* main.hidden */", None),
        ("select x.main.hidden from x", None),
        ("select * from hidden join hidden as other", "select * from internal.hidden join internal.hidden as other"),
        ("WITH hidden AS (select 1 a) select hidden.a from hidden", None),
        (
            "with hidden as not materialized (select * from main.hidden) from hidden",
            "with hidden as not materialized (select * from internal.hidden) from hidden",
        ),
    ],
)
def test_a_statement_names_no_database_and_finds_what_is_internal(statement: str, expected: str | None) -> None:
    assert moved(statement, "build", {"hidden"}) == (expected or statement)
