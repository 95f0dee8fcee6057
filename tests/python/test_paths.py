"""Paths and settings as DuckDB, dbt and Python take them: each means the same to all, or is refused with a line."""

import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import Extract, documents, run_folders
from dbt.adapters.duckdb.credentials import DuckDBCredentials
from jinja2 import Environment
from warehouse import PROJECT

from common.dbt import database_path
from common.errors import CommandError, raise_if_interrupted
from common.paths import as_pattern
from common.releases import publish_dir
from common.settings import raw_dir
from common.sql import literal
from publish.build import catalog_of
from publish.convex import write_documents
from publish.database import functions_and_views


def test_a_folder_whose_name_says_interrupted_is_nobodys_ctrl_c(extract: Extract) -> None:
    raw = extract.raw / "Interrupted!"
    Path("t.jsonl").write_bytes(documents("a"))
    zone = Extract(raw, extract.capsys)
    zone.load("t.jsonl")
    (run_folders(raw)[0] / "t.parquet").write_bytes(b"")
    result = zone("status")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("extract: the files of t in ")


@pytest.mark.parametrize(
    "error",
    [duckdb.InterruptException("INTERRUPT Error: Interrupted!"), RuntimeError("Query interrupted")],
)
def test_what_duckdb_makes_of_ctrl_c_is_ctrl_c(error: Exception) -> None:
    with pytest.raises(KeyboardInterrupt):
        raise_if_interrupted(error)


class Refused(Exception):
    """What dbt's own exception says."""


class Exceptions:
    """The part of dbt's `exceptions` that the macros use."""

    def raise_compiler_error(self, message: str) -> None:
        raise Refused(message)


@pytest.fixture
def macro() -> Callable[..., str]:
    """Call a macro of macros/paths.sql or macros/limit_resources.sql as dbt does, with settings."""
    text = "".join((PROJECT / "macros" / name).read_text() for name in ("paths.sql", "limit_resources.sql"))
    jinja = Environment(autoescape=False, extensions=["jinja2.ext.do"])  # noqa: S701 - it is SQL

    def call(code: str, **settings: str) -> str:
        done: list[str] = []
        dbt: dict[str, Any] = {
            "env_var": settings.get,
            "exceptions": Exceptions(),
            "execute": True,
            "flags": SimpleNamespace(PROJECT_DIR=settings.get("project", "/home/me/project")),
            "modules": {"re": re},
            "run_query": done.append,
            "target": {"database": "as dbt has it"},
        }
        return jinja.from_string(text + "{{ " + code + " }}").render(dbt).strip() or "; ".join(done)

    return call


@pytest.mark.parametrize(
    "name", ["raw[1]", "raw*", "ra?w", "r{a,b}", "[!r]aw", "tags=v3", "o'brien", "a [b] (c) %20#é"]
)
def test_a_folder_of_any_name_is_read_and_no_other(tmp_path: Path, macro: Callable[..., str], name: str) -> None:
    decoys = {"raw1", "rawx", "rabw", "ra", "aaw", "a b (c) %20#é"}
    for folder in (name, *decoys):
        (tmp_path / folder).mkdir()
        file = tmp_path / folder / "x.parquet"
        pq.write_table(pa.table({"tags": ["none"], "folder": [folder]}), file)
    in_sql = macro(f"as_pattern({str(tmp_path / name / 'x.parquet')!r})")
    query = "select * from read_parquet({}, hive_partitioning = false)"
    with duckdb.connect() as connection:
        assert connection.execute(query.format(f"'{in_sql}'")).fetchall() == [("none", name)]
        pattern = as_pattern(tmp_path / name / "x.parquet")
        assert connection.execute(query.format("?"), [pattern]).fetchall() == [("none", name)]


@pytest.mark.parametrize(
    "name",
    ["build.duckdb", "x.y.duckdb", ".hidden.duckdb", "..a.b.c", "no_ending", "É ü-1+2.duckdb", "published.duckdb"],
)
def test_a_database_is_called_alike_by_dbt_and_duckdb(tmp_path: Path, macro: Callable[..., str], name: str) -> None:
    path = tmp_path / "[1] o'brien a=b {c,d}" / name
    path.parent.mkdir()
    duckdb.connect(str(path)).close()
    assert macro("duckdb__generate_database_name()", DUCKDB_PATH=str(path)) == "as dbt has it"
    assert catalog_of(path) == DuckDBCredentials.path_derived_database_name(str(path))


@pytest.mark.parametrize("name", ["schema_only.duckdb", "published.duckdb", "x.y.duckdb"])
def test_what_publishing_attaches_clashes_with_no_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with duckdb.connect(str(path)) as connection:
        connection.execute("create macro twice(n) as 2 * n")
    catalog = catalog_of(path)
    with duckdb.connect() as connection:
        connection.execute(f'attach {literal(str(path))} as "{catalog}" (read_only)')
        assert functions_and_views(connection, catalog, set(), tmp_path).keys() == {"MACRO twice"}


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("data/", "it names no file"),
        ("data/...", "it names no file"),
        (":memory:", "the database is a file on this machine"),
        ("md:build", "the database is a file on this machine"),
        ("s3://bucket/build.duckdb", "the database is a file on this machine"),
        ("data/build.duckdb?x=1", "what follows ? or #"),
        ("what?/build.duckdb", "what follows ? or #"),
        ("a#b/build.duckdb", "what follows ? or #"),
        ("data/o'brien.duckdb", "a database's name has letters, digits"),
        ('data/a"b.duckdb', "a database's name has letters, digits"),
        ("data/[1].duckdb", "a database's name has letters, digits"),
        ("~", "a database's name has letters, digits"),
        ("~anna/build.duckdb", "of ~ only ~/ is known"),
        ("~x.duckdb", "of ~ only ~/ is known"),
        *[
            (f"data/{name}.duckdb", "has another use for the name")
            for name in ("main", "Temp", "system", "memory", "raw")
        ],
        ("information_schema", "has another use for the name"),
    ],
)
def test_a_database_that_cannot_be_built_is_refused_before(macro: Callable[..., str], path: str, told: str) -> None:
    with pytest.raises(Refused) as refused:
        macro("duckdb__generate_database_name()", DUCKDB_PATH=path)
    assert str(refused.value).startswith(f"DUCKDB_PATH={path}: ")
    assert told in str(refused.value)


def test_a_project_where_duckdb_cannot_write_is_refused(macro: Callable[..., str]) -> None:
    odd = {"project": "/home/me/what?"}
    with pytest.raises(
        Refused, match=r"DUCKDB_PATH=data/build.duckdb: DuckDB can write no database below a folder with"
    ):
        macro("duckdb__generate_database_name()", **odd)
    assert macro("duckdb__generate_database_name()", DUCKDB_PATH="/x/build.duckdb", **odd) == "as dbt has it"


def test_a_tilde_is_the_home_directory(
    macro: Callable[..., str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = {"RAW_DIR": "~/raw", "DUCKDB_PATH": "~/x/build.duckdb", "PUBLISH_DIR": "~", "HOME": "/home/me"}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert macro("path_setting('RAW_DIR', 'data/raw')", **settings) == "/home/me/raw" == str(raw_dir(None))
    assert str(database_path()) == "/home/me/x/build.duckdb"
    assert str(publish_dir(None)) == "/home/me"
    assert str(raw_dir("~/there")) == "/home/me/there"
    profile = (PROJECT / "profiles.yml").read_text().split("path: >-")[1].split("schema:")[0]
    assert Environment(autoescape=True).from_string(profile).render(env_var=settings.get).strip() == str(
        database_path()
    )


@pytest.mark.parametrize("path", ["~anna/raw", "~raw", "a\\b", "x/content=1"])
def test_a_raw_zone_that_means_two_things_is_refused_by_python(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setenv("RAW_DIR", path)
    with pytest.raises(CommandError, match=re.escape(f"RAW_DIR={path}: ")):
        raw_dir(None)


def test_a_folder_in_which_duckdb_cannot_write_is_refused_before_publishing() -> None:
    with pytest.raises(CommandError, match=r"--publish-dir=here/what\?/x: DuckDB can write no database below a folder"):
        publish_dir("here/what?/x")


def test_what_is_empty_is_unset(macro: Callable[..., str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("RAW_DIR", "DUCKDB_PATH", "PUBLISH_DIR"):
        monkeypatch.setenv(name, "")
    assert [str(path) for path in (raw_dir(None), database_path(), publish_dir(None))] == [
        "data/raw",
        "data/build.duckdb",
        "data/published",
    ]
    assert macro("path_setting('RAW_DIR', 'data/raw')", RAW_DIR="") == "data/raw"
    assert macro("duckdb__generate_database_name()", DUCKDB_PATH="") == "as dbt has it"
    assert macro("limit_resources()", DUCKDB_MEMORY_LIMIT="", DUCKDB_THREADS="") == "set global memory_limit = '2500MB'"


@pytest.mark.parametrize(
    ("memory", "threads", "is_fine"),
    [
        *[(text, "", True) for text in ("2500MB", "2.5GB", " 2 gib ", "1TB", "2g", "800 megabytes")],
        *[
            (text, "", False)
            for text in ("lots", "-1", "-5GB", "0", "0MB", "0.0 GB", "2", "2 gigs", "80%", "none", "２GB")
        ],
        *[(text, "", False) for text in ("2GB'", "3 k", "1e3MB")],
        *[("", text, True) for text in ("1", " 2 ", "64")],
        *[("", text, False) for text in ("many", "0", "00", "1025", "-3", "1.5", "1e1", "２", "2; select 1")],
    ],
)
def test_limits_are_understood_by_duckdb_or_refused(
    macro: Callable[..., str], memory: str, threads: str, is_fine: bool
) -> None:
    settings = {"DUCKDB_MEMORY_LIMIT": memory, "DUCKDB_THREADS": threads}
    if not is_fine:
        name, value = next((name, value) for name, value in settings.items() if value)
        with pytest.raises(Refused, match=re.escape(f"{name}={value}: write a ")):
            macro("limit_resources()", **settings)
        return
    with duckdb.connect() as connection:
        connection.execute(macro("limit_resources()", **settings))


def test_runs_in_a_folder_with_a_key_and_a_pattern_in_its_name_are_folded_as_elsewhere(extract: Extract) -> None:
    odd = Extract(extract.raw / "_op=truncate" / "raw[1]", extract.capsys)
    decoy = Extract(extract.raw / "_op=truncate" / "raw1", extract.capsys)
    for one, ids in ((decoy, ("wrong",)), (odd, ("a", "b")), (odd, ("b", "c"))):
        one.raw.parent.mkdir(parents=True, exist_ok=True)
        path = one.raw.parent / "palettes.jsonl"
        path.write_bytes(documents(*ids))
        one.load(path)
    assert odd("compact", "--json").code == 0
    (file,) = run_folders(odd.raw)[-1].glob("palettes.parquet")
    with duckdb.connect() as connection:
        query = "select _op, _id from read_parquet(?, hive_partitioning = false) order by _seq"
        rows = connection.execute(query, [as_pattern(file)]).fetchall()
    first, *upserts, last = rows  # of different documents no order is promised
    assert (first, last) == (("truncate", None), ("delete", "a"))
    assert sorted(upserts) == [("upsert", name) for name in "abc"]


def test_documents_for_convex_are_the_same_bytes_in_a_folder_that_looks_like_a_column(tmp_path: Path) -> None:
    written = []
    for folder in (tmp_path / "plain", tmp_path / "tags=v3" / "[1] o'brien"):
        folder.mkdir(parents=True)
        duckdb.sql("""
            select 's' as seed, 'v' as "promptVersion", 1.0 as "totalModels", {'mood': []::varchar[]} as categorical,
            {'mood': [{'key': 'calm', 'value': 1.0}]} as tags, 2.0 as "updatedAt"
        """).write_parquet(str(folder / "consensus.parquet"))
        write_documents(folder / "consensus.parquet", folder / "consensus.jsonl", lambda _done, _total: None)
        written.append((folder / "consensus.jsonl").read_bytes())
    assert b'"tags":{"mood":[{"key":"calm","value":1.0}]}' in written[0]
    assert written[1] == written[0]
