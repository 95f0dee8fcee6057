"""A seed is read in one way by `seeds/check.py` and by the database, whatever the analysts write."""

import csv
import re
from io import StringIO
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import Environment
from warehouse import PROJECT

from seeds.check import problems

COLUMNS = ["attribute", "tag", "note"]
HEADER = "attribute,tag,note\n"
PARTS = st.sampled_from(
    ['"', '""', "'", ",", "\n", " ", "a", "凉", "\\", "#", ";", "\t", "|", "\0", "\x0b", "\x85", "\u2028", "NULL"]
)
TEXTS = st.lists(PARTS, max_size=5).map("".join)


def _row(values: tuple[str, ...], is_quoted: bool) -> str:
    text = StringIO()
    quoting = csv.QUOTE_ALL if is_quoted else csv.QUOTE_MINIMAL
    csv.writer(text, quoting=quoting, lineterminator="\n").writerow(values)
    return text.getvalue()


WRITTEN = st.builds(_row, st.tuples(TEXTS, TEXTS, TEXTS), st.booleans())
TYPED = st.tuples(TEXTS, TEXTS, TEXTS).map(lambda values: ",".join(values) + "\n")
"""Lines as a program writes them, and as somebody types them."""


@pytest.fixture(scope="module")
def database() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("seeds") / "o'brien [1] tags=v3" / "synonyms.csv"
    path.parent.mkdir()
    return path


@pytest.fixture(scope="module")
def statement(file: Path) -> str:
    """What dbt executes to load a seed, as the macro has it."""
    macros = "".join((PROJECT / "macros" / name).read_text() for name in ("paths.sql", "load_seed.sql"))
    jinja = Environment(autoescape=False, extensions=["jinja2.ext.do"])  # noqa: S701 - it is SQL
    call = "{{ copy_seed_sql('synonyms', path) }}"
    return jinja.from_string(macros + call).render(path=str(file), modules={"re": re}).strip()


def loaded(database: duckdb.DuckDBPyConnection, file: Path, statement: str, text: str) -> list[tuple[str | None, ...]]:
    file.write_text(text, encoding="utf-8", newline="")
    database.execute(f"create or replace table synonyms ({', '.join(f'{name} varchar' for name in COLUMNS)})")
    database.execute(statement)
    return database.execute("from synonyms").fetchall()


@settings(max_examples=50)
@given(lines=st.lists(st.one_of(WRITTEN, TYPED, st.just("\n")), max_size=12))
def test_what_passes_the_check_is_loaded_as_it_is_read(
    database: duckdb.DuckDBPyConnection, file: Path, statement: str, lines: list[str]
) -> None:
    text = HEADER + "".join(line for line in lines if not list(problems((HEADER + line).encode(), COLUMNS)))
    assert list(problems(text.encode(), COLUMNS)) == []
    read = [tuple(value or None for value in row) for row in csv.reader(StringIO(text), strict=True) if row]
    assert loaded(database, file, statement, text) == read[1:]


def test_an_apostrophe_is_one(database: duckdb.DuckDBPyConnection, file: Path, statement: str) -> None:
    lines = ["mood,'pensive',calm", "mood,tis,'tis old", "mood,b,", "mood,c,the sailors'"]
    expected = [tuple(value or None for value in line.split(",")) for line in lines]
    assert loaded(database, file, statement, HEADER + "\n".join(lines)) == expected


def test_what_excel_saves_is_not_lost_without_the_check(
    database: duckdb.DuckDBPyConnection, file: Path, statement: str
) -> None:
    text = "\ufeff" + HEADER.replace("\n", "\r\n") + 'mood,"zen",calm\r\n'
    assert loaded(database, file, statement, text) == [("mood", "zen", "calm")]
