"""Numbers that are gone are dropped a million at a time: those on both sides of a million, too."""

from types import SimpleNamespace

import duckdb
from jinja2 import Environment
from warehouse import PROJECT

STANDING = [1, 999_998, 1_000_001, 2_000_001]
GONE = [999_999, 1_000_000, 1_999_999, 2_000_000, 2_000_002]


def test_numbers_on_both_sides_of_a_million_are_dropped() -> None:
    with duckdb.connect() as connection:
        connection.execute("create table kept as select unnest(?) as result_key", [STANDING + GONE])
        connection.execute("create table gone as select unnest(?) as number", [[*GONE, 5_000_000]])

        def run_query(sql: str) -> SimpleNamespace:
            (value,) = connection.execute(sql).fetchall()[0]
            return SimpleNamespace(columns=[SimpleNamespace(values=lambda: [value])])

        macros = (PROJECT / "macros" / "kept_tables.sql").read_text()
        sql = Environment(autoescape=False, extensions=["jinja2.ext.do"])  # noqa: S701 - it is SQL
        dbt = {"this": "kept", "is_incremental": lambda: True, "execute": True, "run_query": run_query}
        connection.execute(sql.from_string(macros + "{{ delete_retired_keys('result_key', 'gone') }}").render(dbt))
        assert connection.execute("select result_key from kept order by all").fetchall() == [(key,) for key in STANDING]
