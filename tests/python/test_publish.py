"""`python -m publish`: what it refuses, and what it hands out, on the sample with hostile tags among the answers."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import readers
from conftest import ROOT
from messy import ENDLESS, HOSTILE, MARKS, SAMPLE
from publish_soak import soak
from published import ARTIFACTS, BuiltPlace, judge, read_current, sizes
from warehouse import PROJECT, Warehouse

from common.dbt import kept_artifacts
from common.errors import CommandError
from common.manifest import differences
from common.problems import problem
from common.releases import Releases
from common.run_dbt import explanation, keep_artifacts
from extract.landing import LandingZone
from extract.load import load
from publish.build import Build, Column, Mart, audit, catalog_of
from publish.cli import main
from publish.connection import limited_connection
from publish.database import make, write_parquet
from publish.summary import main as summary

LESS_THAN_THE_ROWS = "8MB"
"""What 500,000 numbers can't be sorted in without spilling: with `max_temp_directory_size` 0 it fails."""
FURTHER = pytest.mark.further
FUNCTIONS = """
    create macro above(n, least := 1) as n >= least;
    create macro odd_seeds(wanted := null, max_rows := 2) as table (
        select palette_seed, 'build.main.palettes is a text' as note from {catalog}.main.palettes
        where (wanted is null or palette_seed = wanted) and above(answer_count) order by palette_seed limit max_rows
    );
    create macro all_said(seed) as table select raw_value from {catalog}."main"."tag_values" where palette_seed = seed;
    comment on macro table odd_seeds is 'Palettes, the first of all.';
"""


@pytest.fixture(scope="module")
def built(messy: BuiltPlace, tmp_path_factory: pytest.TempPathFactory) -> BuiltPlace:
    place = messy.copied(tmp_path_factory.mktemp("built"))
    with duckdb.connect(str(place.database)) as connection:
        connection.execute(FUNCTIONS.format(catalog='"build"'))
    return place


@pytest.fixture(scope="module")
def published(built: BuiltPlace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The current release of the build, in a folder that looks like a column of the documents."""
    directory = tmp_path_factory.mktemp("published") / "tags=v3"
    built.publish(directory)
    return directory / "current"


@pytest.fixture(scope="module")
def usual_answers(published: Path) -> list[str]:
    """What the functions and views answer one who has set nothing."""
    return [*readers.answers(published / "palettes.duckdb", {})]


@pytest.fixture
def place(built: BuiltPlace, tmp_path: Path) -> BuiltPlace:
    """The build, to be changed."""
    return built.copied(tmp_path / "place")


def marts(place: BuiltPlace) -> list[dict[str, Any]]:
    return [node for node in place.manifest()["nodes"].values() if node.get("access") == "public"]


def rows(database: Path, query: str, *arguments: Any) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute(query, arguments).fetchall()


# What is handed out


def test_every_public_table_is_published_with_all_its_rows(built: BuiltPlace, published: Path) -> None:
    names, on_demand = {mart["name"] for mart in marts(built)}, {"tag_values"}
    assert {path.stem for path in (published / "parquet").iterdir()} == names - on_demand
    with duckdb.connect() as connection:
        connection.execute(f"attach '{built.database}' as build (read_only)")
        connection.execute(f"attach '{published}/palettes.duckdb' as another_name (read_only)")
        found = connection.execute(
            "select table_name from information_schema.tables"
            " where table_catalog = 'another_name' and table_schema = 'main'"
        )
        assert {row[0] for row in found.fetchall()} == names | {"published_build"}
        for name in names:
            parquet = f"read_parquet('{published}/parquet/{name}.parquet', hive_partitioning = false)"
            for copy in [f"another_name.main.{name}", *([] if name in on_demand else [parquet])]:
                for one, other in ((f"build.main.{name}", copy), (copy, f"build.main.{name}")):
                    query = f"select count(*) from (from {one} except all from {other})"
                    assert connection.execute(query).fetchone() == (0,), copy


def test_documents_themselves_are_not_published(built: BuiltPlace, published: Path) -> None:
    query = "select column_name from duckdb_columns() where schema_name = 'internal' and table_name = 'int_answers'"
    names = {name for (name,) in rows(built.database, query)}
    assert names - {name for (name,) in rows(published / "palettes.duckdb", query)} == {"tags", "json_keys"}


def test_the_published_files_have_the_columns_and_types_of_the_contract(built: BuiltPlace, published: Path) -> None:
    for mart in marts(built):
        assert mart["contract"]["enforced"]
        columns = mart["columns"].values()
        with duckdb.connect(str(published / "palettes.duckdb"), read_only=True) as connection:
            types = ", ".join(f'"{column["name"]}" {column["data_type"]}' for column in columns)
            connection.execute(f"create temp table contract ({types})")
            shape = "select column_name, column_type from (describe from {})"
            contract = connection.execute(shape.format("temp.contract")).fetchall()
            parquet = f"read_parquet('{published}/parquet/{mart['name']}.parquet', hive_partitioning = false)"
            assert connection.execute(shape.format(f"main.{mart['name']}")).fetchall() == contract
            if not mart["config"]["meta"].get("parquet_on_demand"):
                assert connection.execute(shape.format(parquet)).fetchall() == contract
            found = connection.execute(
                "select column_name, comment, is_nullable from duckdb_columns()"
                " where schema_name = 'main' and table_name = ? order by column_index",
                [mart["name"]],
            ).fetchall()
        required = {c["name"] for c in columns if any(one["type"] == "not_null" for one in c["constraints"])}
        assert [(name, comment) for name, comment, _ in found] == [
            (column["name"], column["description"].strip()) for column in columns
        ]
        assert {name for name, _, is_nullable in found if not is_nullable} == required


def test_the_consensus_for_convex_has_the_fields_of_the_contract(built: BuiltPlace, published: Path) -> None:
    (mart,) = (mart for mart in marts(built) if mart["name"] == "palette_tag_consensus")
    for line in (published / "convex" / "palette_tag_consensus.jsonl").read_text().split("\n")[:-1]:
        document = json.loads(line)
        assert [*document] == [*mart["columns"], "truncatedTags"]
        assert [len(document["categorical"]), len(document["tags"])] == [4, 6]
        numbers = [document["totalModels"], document["updatedAt"], document["truncatedTags"]]
        entries = [e for tags in (document["categorical"] | document["tags"]).values() for e in tags]
        assert all(type(number) is float for number in numbers + [entry["value"] for entry in entries])


def test_hostile_tags_survive_in_every_form(published: Path) -> None:
    query = "select tags.mood from {} where seed = 'hostile'"
    in_database = rows(published / "palettes.duckdb", query.format("palette_tag_consensus"))[0][0]
    parquet = f"read_parquet('{published}/parquet/palette_tag_consensus.parquet', hive_partitioning = false)"
    in_parquet = rows(published / "palettes.duckdb", query.format(parquet))[0][0]
    jsonl = (published / "convex" / "palette_tag_consensus.jsonl").read_bytes()
    with zipfile.ZipFile(published / "convex" / "import.zip") as archive:
        assert archive.read("palette_tag_consensus/documents.jsonl") == jsonl
    documents = [json.loads(line) for line in jsonl.split(b"\n")[:-1]]
    (in_jsonl,) = (document["tags"]["mood"] for document in documents if document["seed"] == "hostile")
    expected = [{"key": key, "value": 1.0} for key in sorted(HOSTILE.values()) if key]
    assert in_database == in_parquet == in_jsonl == expected
    assert "🧑\u200d🚀".encode() in jsonl

    said = {
        raw for (raw,) in rows(published / "palettes.duckdb", "select raw_value from tag_values where answer_id = 'h'")
    }
    assert said == set(HOSTILE)


def test_a_tag_too_long_for_nfc_stays_as_it_was_said_and_out_of_the_consensus(published: Path) -> None:
    query = (
        "select raw_value, tag, value_class, is_counted from tag_values where answer_id = 'marks' order by value_index"
    )
    tags = [ENDLESS[0], "é" + " " + MARKS * 4800]
    expected = [(said, tag, "too_long", True) for said, tag in zip(ENDLESS, tags, strict=True)]
    assert rows(published / "palettes.duckdb", query) == expected
    query = "select tags.style from palette_tag_consensus where seed = 'marks'"
    assert rows(published / "palettes.duckdb", query) == [([],)]


def test_convex_takes_what_is_published_and_refuses_the_same_counts_as_objects(published: Path, tmp_path: Path) -> None:
    path = published / "convex" / "palette_tag_consensus.jsonl"
    lines = path.read_bytes().split(b"\n")[:-1]
    assert len(sizes(path)) == len(lines)
    run = tmp_path / "run.jsonl"
    with zipfile.ZipFile(published / "convex" / "import.zip") as archive:
        run.write_bytes(archive.read("analytics_runs/documents.jsonl"))
    assert len(sizes(run)) == 1

    (hostile,) = (json.loads(line) for line in lines if b'"seed":"hostile"' in line)
    counts = {entry["key"]: entry["value"] for entry in hostile["tags"]["mood"]}
    naive = tmp_path / "naive.jsonl"
    naive.write_text(json.dumps({"seed": "hostile", "mood": counts}))
    assert judge(naive).returncode == 1
    naive.write_text(json.dumps({"seed": "hostile", "mood": {"凉": 1.0}}, ensure_ascii=False))
    assert "Field name 凉" in judge(naive).stderr


def test_the_import_is_a_uniform_zip_of_two_tables(built: BuiltPlace, published: Path) -> None:
    manifest = json.loads((published / "manifest.json").read_text())
    with zipfile.ZipFile(published / "convex" / "import.zip") as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [
            f"{table}/{name}.jsonl"
            for table in ("palette_tag_consensus", "analytics_runs")
            for name in ("documents", "generated_schema")
        ]
        assert archive.read("analytics_runs/generated_schema.jsonl") == b'"uniform"\n'
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        (line,) = archive.read("analytics_runs/documents.jsonl").splitlines()
    run = json.loads(line)
    ((results, counted),) = rows(
        built.database, "select count(*), count(*) filter (where status = 'success') from answers"
    )
    assert run.pop("publishedAt") > 1.7e12
    assert run == {
        "buildId": manifest["build_id"],
        "snapshotTs": None,
        "palettes": float(manifest["counts"]["palettes"]),
        "results": float(results),
        "countedResults": float(counted),
        "consensusRows": float(manifest["counts"]["consensus_rows"]),
        "truncatedTags": 0.0,
        "origin": "file",
        "deletedResults": 0.0,
        "isSample": True,
    }
    others = ("buildId", "snapshotTs", "origin", "isSample")
    assert all(type(value) is float for name, value in run.items() if name not in others)


def test_functions_come_along_with_their_defaults_and_comments(built: BuiltPlace, published: Path) -> None:
    query = "select * from odd_seeds({})"
    expected = rows(built.database, query.format("max_rows := 5"))
    assert len(expected) == 5
    with duckdb.connect() as connection:
        connection.execute(f"attach '{published}/palettes.duckdb' as other (read_only)")
        connection.execute("use other")
        assert connection.execute(query.format("max_rows := 5")).fetchall() == expected
        assert connection.execute(query.format("")).fetchall() == expected[:2]
        assert len(connection.execute("select * from all_said('hostile')").fetchall()) == len(HOSTILE)
        assert connection.execute(query.format(f"'{expected[1][0]}'")).fetchall() == expected[1:2]
        comment = "select comment from duckdb_functions() where function_name = 'odd_seeds'"
        assert connection.execute(comment).fetchall() == [("Palettes, the first of all.",)]
    assert expected[0][1] == "build.main.palettes is a text"


@pytest.mark.parametrize(
    "session", [*readers.ONE_BY_ONE, readers.TOGETHER], ids=lambda session: " ".join(session.values())[:40]
)
def test_a_reader_gets_the_same_answers_whatever_the_session_has_set(
    published: Path, usual_answers: list[str], session: readers.Session
) -> None:
    assert [*readers.answers(published / "palettes.duckdb", session)] == usual_answers


def test_of_every_setting_of_duckdb_it_is_decided_whether_answers_may_depend_on_it() -> None:
    with duckdb.connect() as connection:
        assert readers.undecided(connection) == []


def test_a_function_that_reads_what_is_not_public_is_refused_by_name(place: BuiltPlace, tmp_path: Path) -> None:
    with duckdb.connect(str(place.database)) as connection:
        connection.execute("create macro secrets() as table select * from build.internal.int_counted_answers")
    with pytest.raises(CommandError, match="macro secrets can't be published"):
        place.publish(tmp_path / "published")
    assert not [*(tmp_path / "published").glob("[!.]*")]


def test_the_manifest_says_where_it_all_comes_from(built: BuiltPlace, published: Path) -> None:
    manifest = json.loads((published / "manifest.json").read_text())
    runs = LandingZone(built.raw_dir).run_ids()
    assert [(run["run_id"], run["is_sample"]) for run in manifest["source_runs"]] == [(runs[0], True), (runs[1], False)]
    assert manifest["is_sample"]
    assert (manifest["origin"], manifest["deletes"], manifest["shrunk"]) == ("file", {}, [])
    invocation = built.results()["metadata"]["invocation_id"].replace("-", "")
    assert manifest["build_id"].endswith(invocation[:12])
    assert manifest["versions"]["duckdb"] == duckdb.__version__
    on_disk = {str(p.relative_to(published)) for p in published.rglob("*") if p.is_file()} - {"manifest.json"}
    assert {entry["path"] for entry in manifest["files"]} == on_disk
    counts = {entry["path"]: entry["rows"] for entry in manifest["files"]}
    assert counts["convex/import.zip"] == counts["convex/palette_tag_consensus.jsonl"] + 1
    for mart in marts(built):
        count = rows(built.database, f"select count(*) from {mart['name']}")[0][0]
        assert manifest["rows"][mart["name"]] == count
        assert counts.get(f"parquet/{mart['name']}.parquet", count) == count


def test_publishing_again_with_other_threads_and_less_memory_gives_the_same_bytes(
    built: BuiltPlace, published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for threads, memory in (("1", "100MB"), ("2", "4GB")):
        monkeypatch.setenv("DUCKDB_THREADS", threads)
        monkeypatch.setenv("DUCKDB_MEMORY_LIMIT", memory)
        built.publish(tmp_path / threads)
        for path in (*published.glob("parquet/*"), published / "convex" / "palette_tag_consensus.jsonl"):
            again = tmp_path / threads / "current" / path.relative_to(published)
            assert again.read_bytes() == path.read_bytes(), path.name


def test_many_row_groups_have_the_same_bytes_for_any_threads_memory_and_order_of_arrival(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    column = Column("n", "bigint", "", True)
    build = Build(
        tmp_path / "build.duckdb",
        "build",
        "i",
        datetime.now(UTC),
        "",
        [Mart("t", ["n"], "", [column], False, ["n"])],
        [],
        [],
    )
    written = set()
    ways = (("a", "1", "4GB", "n"), ("b", "2", LESS_THAN_THE_ROWS, "hash(n)"), ("c", "4", "4GB", "n desc"))
    for name, threads, memory, order in ways:
        monkeypatch.setenv("DUCKDB_THREADS", threads)
        monkeypatch.setenv("DUCKDB_MEMORY_LIMIT", memory)
        with duckdb.connect(str(tmp_path / f"{name}.duckdb")) as connection:
            connection.execute(f"create table t as select range as n from range(500_000) order by {order}")
        write_parquet(build, tmp_path / f"{name}.duckdb", tmp_path / name, lambda _step: None)
        written.add((tmp_path / name / "t.parquet").read_bytes())
    assert len(written) == 1


@pytest.mark.parametrize(("setting", "limit"), [("", "953.6 MiB"), ("2GiB", "2.0 GiB")])
def test_what_publishes_keeps_to_a_limit_and_spills_beside_what_it_writes(
    setting: str, limit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DUCKDB_MEMORY_LIMIT", setting)
    for database in (None, tmp_path / "x.duckdb"):
        with limited_connection(tmp_path, database) as connection:
            settings = connection.execute(
                "select current_setting('memory_limit'), current_setting('temp_directory')"
            ).fetchone()
            assert settings == (limit, str(tmp_path / "spilled"))


def test_a_build_is_published_once(place: BuiltPlace, tmp_path: Path) -> None:
    first, second = place.publish(tmp_path / "p"), place.publish(tmp_path / "p")
    assert (first.is_new, second.is_new) == (True, False)
    assert second.manifest == first.manifest


# One answer that has room for a million characters


def made(built: BuiltPlace, parents: Mapping[str, tuple[str, object]], *models: str) -> list[tuple[int]]:
    """Make models of parents that a query has made of a parameter, in 400 MB, and return how many rows each has."""
    nodes = built.manifest()["nodes"]
    with duckdb.connect(config={"memory_limit": "400MB", "max_temp_directory_size": "0MB"}) as connection:
        connection.execute("attach ':memory:' as build; use build; create schema internal")
        for name, (query, parameter) in parents.items():
            connection.execute(f"create table internal.{name} as {query}", [parameter])
        counts = []
        for node in (nodes[f"model.palette_analytics.{name}"] for name in models):
            connection.execute(f"create table {node['relation_name']} as {node['compiled_code']}")
            counts.append(connection.execute(f"select count(*) from {node['relation_name']}").fetchone() or (0,))
        return counts


@pytest.mark.parametrize(
    "keys",
    [[f"k{n}" for n in range(75_000)], [f"{n:04}" + "x" * 996 for n in range(1000)], ["mood"] * 75_000],
    ids=["many", "long", "repeated"],
)
def test_an_answer_full_of_keys_holds_no_build(built: BuiltPlace, keys: list[str]) -> None:
    results = "select 'r' as answer_id, 'm' as model, ? as json_keys", json.dumps(keys)
    attributes = "select ? as attribute, 1 as attribute_key", "mood"
    parents = {"int_answers": results, "int_attributes": attributes}
    assert made(built, parents, "int_key_lists", "unexpected_keys") == [(1,), (len({*keys}),)]


# Numbers that no thread changes

TWENTY_RUNS = (1, *[2] * 9, *[4] * 10)
"""The threads of each."""
GROUP = "palette_prompt_key + copy * 100000 as palette_prompt_key"
MORE_VOTERS = f"{GROUP}, voter_count + copy % 5 as voter_count"
COPIED = {
    "int_palette_prompts": f"{GROUP}, palette_key + copy * 100000 as palette_key",
    "int_voters": MORE_VOTERS,
    "int_compared_voters": MORE_VOTERS,
    "int_compared_tags": GROUP,
    "int_canonical_counts": GROUP,
    "int_attribute_winners": f"{GROUP},"
    " hash(palette_prompt_key, attribute_key, copy) / 18446744073709551616 as entropy",
}
"""Twenty of each row, with numbers that have no short form."""


@pytest.fixture(scope="module")
def enlarged(built: BuiltPlace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """The build, with tables that several threads share, and without the rounding that hides what differs."""
    path = shutil.copy(built.database, tmp_path_factory.mktemp("enlarged"))
    with duckdb.connect() as connection:
        connection.execute(f"attach '{path}' as build (row_group_size 2048)")
        connection.execute("use build")
        connection.execute("create temp macro round(x, digits := 0) as x")
        for table, numbers in COPIED.items():
            connection.execute(
                f"create table internal.copies as select * replace ({numbers})"
                f" from internal.{table}, range(20) as c (copy)"
            )
            connection.execute(f"drop table internal.{table}")
            connection.execute(f"alter table internal.copies rename to {table}")
        yield connection


@pytest.mark.parametrize(
    "model",
    [
        "prompt_version_quality",
        "int_prompt_version_agreement",
        "int_alpha_standard_errors",
        "int_prompt_version_changes",
        "int_tag_changes",
        "attribute_drift",
    ],
)
def test_twenty_runs_on_one_two_and_four_threads_give_the_same_bits(
    enlarged: duckdb.DuckDBPyConnection, built: BuiltPlace, model: str
) -> None:
    sql = built.manifest()["nodes"][f"model.palette_analytics.{model}"]["compiled_code"]
    results = set()
    for threads in TWENTY_RUNS:
        enlarged.execute(f"set threads = {threads}")
        results.add(tuple(sorted(map(repr, enlarged.execute(sql).fetchall()))))
    assert len(results) == 1


def test_no_model_sums_doubles(built: BuiltPlace) -> None:
    """Such a sum depends on the order in which threads add: `exact_sum` and `exact_avg` cut each to a step first."""
    found = {}
    with duckdb.connect(str(built.database), read_only=True) as connection:
        for node in built.manifest()["nodes"].values():
            if node["resource_type"] == "model":
                plan = connection.execute("select json_serialize_plan(?)", [node["compiled_code"]]).fetchall()[0][0]
                found[node["name"]] = sorted(sums_of_doubles(json.loads(plan)))
    assert {name: sums for name, sums in found.items() if sums} == {}


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select avg(x) from numbers", ["avg"]),
        ("select sum(x) over (order by n) from numbers", ["sum"]),
        ("select stddev_samp(x::float) from numbers group by n", ["stddev_samp"]),
        ("select list_sum(list(x)) from numbers", ["list_aggr", "sum"]),
        ("select list_sum(list_transform(list(n), lambda one: one / 3)) from numbers", ["list_aggr", "sum"]),
        ("select list_sum(list_transform(range(n), lambda one: one / x)) from numbers", []),
        ("select list_sum(list_transform(range(9), lambda one: one * sum(x))) from numbers", ["sum"]),
        ("select sum(n), avg(n), max(x), count(x), sum(x::decimal(18, 3)), first(x) from numbers", []),
        ("select lag(x) over (order by n), sum(n) over (order by x) from numbers", []),
    ],
)
def test_a_sum_of_doubles_is_found(sql: str, expected: list[str]) -> None:
    with duckdb.connect() as connection:
        connection.execute("create table numbers as select n, n / 3 as x from range(9) as numbers (n)")
        plan = connection.execute("select json_serialize_plan(?)", [sql]).fetchall()[0][0]
    assert sorted(sums_of_doubles(json.loads(plan))) == expected


ORDER_DOES_NOT_MATTER = {"any_value", "count", "first", "last", "list", "max", "min"}


def sums_of_doubles(plan: Any) -> set[str]:
    """Return the functions of a plan that add up doubles, in rows or in lists."""
    if isinstance(plan, list):
        return set().union(*map(sums_of_doubles, plan))
    if not isinstance(plan, dict):
        return set()
    if plan.get("name") == "list_aggr" and is_in_order(plan["children"][0]):
        return sums_of_doubles(plan["children"])
    found = set().union(*map(sums_of_doubles, plan.values()))
    name, types = plan.get("name"), json.dumps(plan.get("arguments"))
    adds = plan.get("expression_class") in ("BOUND_AGGREGATE", "BOUND_WINDOW") or name == "list_aggr"
    if adds and name not in ORDER_DOES_NOT_MATTER and ('"DOUBLE"' in types or '"FLOAT"' in types):
        found.add(name)
    return found


def is_in_order(plan: dict[str, Any]) -> bool:
    """Tell whether a list is made by `range`, which no thread has a part in."""
    name = plan.get("name")
    return name == "range" or (name == "list_transform" and is_in_order(plan["children"][0]))


# What is refused


def refused(place: BuiltPlace, directory: Path) -> str:
    """Publish in vain, see that nothing is there, and return the reason."""
    with pytest.raises(CommandError) as caught:
        place.publish(directory)
    assert not [*directory.glob("[!.]*")]
    assert not (directory / ".incoming").exists()
    return str(caught.value)


@pytest.mark.further
def test_a_failed_test_is_named(tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(
        PROJECT, project, ignore=lambda folder, names: [n for n in names if Path(folder) == PROJECT and n not in KEPT]
    )
    with (project / "dbt_project.yml").open("a", encoding="utf-8") as file:
        file.write("unit_tests: {+enabled: false}\n")  # half the time, and none of them fails here
    (project / "tests" / "no_palette_at_all.sql").write_text("select * from {{ ref('palettes') }}\n")
    (project / "tests" / "no_tag_at_all.sql").write_text(
        "{{ config(severity='warn') }}\nselect * from {{ ref('tag_totals') }}\n"
    )
    warehouse = Warehouse(tmp_path / "warehouse", project)
    warehouse.directory.mkdir()
    warehouse.land(SAMPLE)
    assert not warehouse.dbt("build").success
    place = BuiltPlace(warehouse.database, warehouse.raw_dir, warehouse.target)
    reason = refused(place, tmp_path / "published")
    assert "test no_palette_at_all" in reason
    assert "no_tag_at_all" not in reason

    (project / "tests" / "no_palette_at_all.sql").unlink()
    warehouse.run("build")
    assert place.publish(tmp_path / "published").is_new  # with a warning, which hinders nobody

    warehouse.run("build", "--select", "palettes")
    with pytest.raises(CommandError, match=r"left out .* and \d+ more: run dbt build"):
        place.publish(tmp_path / "published")


KEPT = ("dbt_project.yml", "profiles.yml", "models", "macros", "seeds", "tests", "functions")


def edit(place: BuiltPlace, change: Callable[[dict[str, Any]], object]) -> None:
    content = place.results()
    change(content)
    (place.target / "run_results.json").write_text(json.dumps(content))


def first_model(results: dict[str, Any]) -> dict[str, Any]:
    return next(one for one in results["results"] if one["unique_id"].startswith("model."))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda r: r["results"].remove(first_model(r)), "left out"),
        (lambda r: r["args"].update(which="docs generate"), "isn't a whole build"),
        (lambda r: r["args"].update(empty=True), "isn't a whole build"),
        (lambda r: r["metadata"].update(invocation_id="other"), "manifest of another"),
        (lambda r: r["results"][-1].update(status="error"), "the last build failed in"),
        (lambda r: r["results"][-1].update(status="skipped"), "the last build failed in"),
        (lambda r: r.pop("args"), "isn't what this version of dbt writes"),
    ],
)
def test_results_that_are_no_whole_pass_are_refused(
    place: BuiltPlace, tmp_path: Path, change: Callable[[dict[str, Any]], object], reason: str
) -> None:
    edit(place, change)
    said = refused(place, tmp_path / "published")
    assert reason in said
    assert "run dbt build" in said


def test_a_run_that_landed_after_the_build_is_named(place: BuiltPlace, tmp_path: Path) -> None:
    run = load(SAMPLE, LandingZone(place.raw_dir))
    assert f"run {run.run_id} landed" in refused(place, tmp_path / "published")


def test_a_run_that_is_gone_is_named(place: BuiltPlace, tmp_path: Path) -> None:
    first = LandingZone(place.raw_dir).run_ids()[0]
    shutil.rmtree(place.raw_dir / first)
    assert f"run {first}, which the build read, is no longer" in refused(place, tmp_path / "published")


def test_the_results_of_another_database_are_refused(place: BuiltPlace, tmp_path: Path) -> None:
    with duckdb.connect(str(place.database)) as connection:
        connection.execute("update raw.build_runs set invocation_id = 'another'")
    assert "made by another dbt command" in refused(place, tmp_path / "published")


def test_a_warehouse_without_any_run_is_refused(place: BuiltPlace, tmp_path: Path) -> None:
    with duckdb.connect(str(place.database)) as connection:
        connection.execute("delete from raw.build_runs")
    assert "no run had landed" in refused(place, tmp_path / "published")


@pytest.mark.parametrize("name", ARTIFACTS)
def test_without_results_of_dbt_it_says_what_to_do(place: BuiltPlace, tmp_path: Path, name: str) -> None:
    (place.target / name).write_text("{")
    assert "run dbt build" in refused(place, tmp_path / "published")
    (place.target / name).unlink()
    assert "run dbt build" in refused(place, tmp_path / "published")


def test_a_warehouse_that_is_being_written_is_refused(
    place: BuiltPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print(flush=True); sys.stdin.read()"
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code, place.database], stdin=pipe, stdout=pipe) as writer:
        assert writer.stdout
        writer.stdout.readline()
        said = refused(place, tmp_path / "published")
        assert f"{place.database} is open in {Path(sys.executable).resolve().name} (process {writer.pid}" in said
        assert "wait until that is done" in said
        for name, value in place.settings(tmp_path / "published").items():
            monkeypatch.setenv(name, value)
        assert summary() == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"summary: {place.database} is open in ")
        assert f"(process {writer.pid}" in line
        with pytest.raises(CommandError, match=f"{place.database} is open in .*{writer.pid}"):  # as publish diff does
            catalog_of(place.database)
        with pytest.raises(duckdb.IOException) as caught:
            duckdb.connect(str(place.database), read_only=True)
        assert f"(process {writer.pid}" in (explanation(str(caught.value).splitlines(), place.database) or "")
        writer.kill()


@pytest.fixture
def command(
    place: BuiltPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    monkeypatch.chdir(tmp_path)
    for name, value in place.settings(tmp_path / "published").items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> tuple[int, str, str]:
        try:
            code = main(arguments)
        except SystemExit as stop:
            code = int(str(stop.code))
        return code, *capsys.readouterr()

    return run


Command = Callable[..., tuple[int, str, str]]


# What lost most of its rows


@pytest.fixture
def last_release(place: BuiltPlace, published: Path, tmp_path: Path) -> Path:
    """The folder of a release, of which nothing says that it is made up; the next build of it is there."""
    directory = tmp_path / "published"
    shutil.copytree(published.parent, directory, symlinks=True)
    path = directory / "current" / "manifest.json"
    content = json.loads(path.read_text())
    path.chmod(0o644)
    path.write_text(json.dumps(content | {"is_sample": False}))
    place.build_again(1)
    return directory


def test_a_table_of_documents_that_lost_most_of_its_rows_stops_the_release(
    command: Command, place: BuiltPlace, last_release: Path
) -> None:
    before = read_current(last_release)
    place.delete("palettes where palette_seed > (select min(palette_seed) from palettes)")
    place.delete("unmapped_tags")
    code, out, err = command()
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "palettes would shrink from 31 to 1 rows since the last release, and no deletions explain it" in err
    assert err.endswith("if the loss is meant: python -m publish --allow-shrink palettes\n")
    assert read_current(last_release) == before
    assert Releases(last_release).ids() == [before]

    code, _out, err = command("--allow-shrink", "palettes")
    assert code == 0
    told = err.splitlines()
    assert "publish: palettes shrinks from 31 to 1 rows, as --allow-shrink says" in told
    assert any(line.startswith("publish: unmapped_tags shrinks from ") for line in told)
    shrunk = json.loads((last_release / "current" / "manifest.json").read_text())["shrunk"]
    assert {(table["table"], table["reason"]) for table in shrunk} == {
        ("palettes", "allowed"),
        ("unmapped_tags", "not guarded"),
    }
    assert command() == (0, command()[1], "")  # which is there already


@pytest.mark.parametrize("table", ["palettes", "palette_tags"])
def test_deletions_that_landed_since_explain_a_loss(
    command: Command, place: BuiltPlace, last_release: Path, table: str
) -> None:
    place.delete("palettes where palette_seed > (select min(palette_seed) from palettes)")
    path = max(place.raw_dir.glob("2*/run.json"))
    content = json.loads(path.read_text())
    landed = {"name": table, "component": "", "table": table, "format": "uniform", "deletes": 30}
    path.write_text(json.dumps(content | {"tables": [*content["tables"], landed]}))
    code, _out, err = command()
    assert code == 0
    assert "publish: palettes shrinks from 31 to 1 rows, and as many documents were deleted since\n" in err
    manifest = json.loads((last_release / "current" / "manifest.json").read_text())
    assert (manifest["deletes"], [table["reason"] for table in manifest["shrunk"]]) == ({table: 30}, ["deleted"])


def test_a_table_that_nothing_guards_is_not_allowed_but_refused(command: Command, place: BuiltPlace) -> None:
    code, out, err = command("--allow-shrink", "unmapped_tags")
    assert (code, out) == (1, "")
    assert err == (
        "publish: --allow-shrink unmapped_tags: only tables that count documents are guarded: answers, "
        "palette_tag_consensus, palettes\n"
    )


def test_where_the_last_release_cannot_be_read_that_is_told(command: Command, last_release: Path) -> None:
    (last_release / "current" / "manifest.json").write_text("{")
    code, _out, err = command()
    assert code == 0
    assert "publish: nothing is compared with the last release: " in err


@pytest.mark.parametrize("which", ["show", "list"])
def test_a_command_that_only_looks_hinders_no_publication_where_make_has_built(
    place: BuiltPlace, tmp_path: Path, which: str
) -> None:
    keep_artifacts(place.target, "x")
    edit(
        place, lambda r: (r["args"].update(which=which), r["metadata"].update(invocation_id="x"), r["results"].clear())
    )
    assert audit(place.target, place.database, LandingZone(place.raw_dir)).invocation_id != "x"
    shutil.rmtree(kept_artifacts(place.target))
    said = refused(place, tmp_path / "published")
    assert "wrote over what the build had left" in said
    assert "--no-write-json" in said


def test_what_make_has_kept_of_another_build_is_not_taken(place: BuiltPlace, tmp_path: Path) -> None:
    keep_artifacts(place.target, "x")
    place.build_again(1)
    edit(place, lambda r: r["args"].update(which="show"))
    assert "made by another dbt command" in refused(place, tmp_path / "published")
    edit(place, lambda r: r["args"].update(which="test"))
    assert "isn't a whole build" in refused(place, tmp_path / "published")


# What DuckDB and the disk refuse


def test_only_what_needs_another_first_is_tried_again() -> None:
    with duckdb.connect() as connection:
        make(
            connection,
            ["create macro f() as g()", "create macro g() as 1", "create view v as from t", "create table t (a int)"],
        )
        with pytest.raises(
            CommandError, match=r"the view w can't be published, for it needs what isn't public: .*nowhere"
        ):
            make(connection, ["create view w as from nowhere"])
        connection.execute("set max_temp_directory_size = '0 B'; set memory_limit = '20MB'")
        with pytest.raises(duckdb.OutOfMemoryException):
            make(connection, ["create table big as select range::varchar as x from range(10_000_000) order by x"])


def test_ctrl_c_in_a_query_is_ctrl_c(tmp_path: Path) -> None:
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))

    def ask() -> None:
        with limited_connection(tmp_path) as connection:
            timer.start()
            connection.execute("select sum(a.range * b.range) from range(10_000_000) as a, range(10_000_000) as b")

    with pytest.raises(KeyboardInterrupt):
        ask()


WRITES = (
    "import sys, duckdb; duckdb.connect(sys.argv[1]).execute('create table t as select range from range(1_000_000)')"
)


def test_a_full_disk_says_to_free_some_space(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WRITES, str(tmp_path / "x.duckdb")],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    error = duckdb.IOException(done.stderr)
    assert "free some" in problem(tmp_path / "x.duckdb", error, "run dbt build")
    assert "free some" in (explanation(done.stderr.splitlines(), tmp_path / "x.duckdb") or "")


# Releases


def test_the_last_releases_stay_and_readers_keep_what_they_have_open(place: BuiltPlace, tmp_path: Path) -> None:
    directory = tmp_path / "published"
    place.publish(directory)
    old = duckdb.connect(str(directory / "current" / "palettes.duckdb"), read_only=True)
    ids = []
    for number in range(4):
        ids.append(place.build_again(number))
        place.publish(directory)
        assert read_current(directory) == ids[-1]
    assert Releases(directory).ids() == ids[1:]
    assert (
        old.execute("select count(*) from tag_values").fetchone()
        == rows(place.database, "select count(*) from tag_values")[0]
    )
    old.close()
    place.publish(directory, keep=1)
    assert Releases(directory).ids() == ids[-1:]


def test_the_current_release_stays_even_where_later_ones_are_kept(place: BuiltPlace, tmp_path: Path) -> None:
    directory = tmp_path / "published"
    later = [place.build_again(number) for number in (5, 6)]
    for number in (5, 6):
        later[number - 5] = place.build_again(number)
        place.publish(directory)
    earlier = place.build_again(1)
    place.publish(directory, keep=1)
    assert Releases(directory).ids() == [earlier, later[1]]
    assert read_current(directory) == earlier


def test_a_release_never_opens_for_writing_by_accident(published: Path) -> None:
    files = [path for path in published.rglob("*") if path.is_file()]
    assert files
    assert not any(path.stat().st_mode & 0o222 for path in files)


def test_what_a_crash_has_left_is_cleared_and_the_whole_release_of_a_crash_is_taken(
    place: BuiltPlace, tmp_path: Path
) -> None:
    directory = tmp_path / "published"
    (directory / ".incoming" / "20300101T000000Z-000000000000").mkdir(parents=True)
    place.publish(directory)
    assert not (directory / ".incoming").exists()
    (directory / "current").unlink()  # as if it had ended between the two renames
    assert not place.publish(directory).is_new
    assert read_current(directory)


@pytest.mark.parametrize(("publishes", "kills"), [(2, 1), pytest.param(3, 3, marks=FURTHER)])
def test_a_reader_never_meets_half_a_release_while_publishers_are_killed(
    place: BuiltPlace, tmp_path: Path, publishes: int, kills: int
) -> None:
    figures, mismatches = soak(place, tmp_path / "published", publishes, kills, seed=1)
    assert mismatches == []
    assert figures["releases met by the reader"] > 1


def test_two_cannot_publish_at_once(place: BuiltPlace, tmp_path: Path) -> None:
    with Releases(tmp_path / "published").lock(), pytest.raises(CommandError, match="another process"):
        place.publish(tmp_path / "published")


def test_where_nothing_can_be_written_it_says_so(place: BuiltPlace, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CommandError, match="PUBLISH_DIR"):
        place.publish(tmp_path / "file")


@pytest.mark.parametrize("limit", [pytest.param(2_000, marks=FURTHER), 100_000, pytest.param(1_000_000, marks=FURTHER)])
def test_on_a_full_disk_nothing_is_published_and_the_old_release_stays(
    place: BuiltPlace, tmp_path: Path, limit: int
) -> None:
    directory = tmp_path / "published"
    place.publish(directory)
    before = read_current(directory)
    place.build_again(1)
    done = subprocess.run(
        [sys.executable, "-m", "publish"],
        cwd=ROOT,
        env={**os.environ, **place.settings(directory)},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("publish: can't ")
    assert "free some space" in done.stderr
    assert "isn't public" not in done.stderr
    assert done.stderr.count("\n") == 1
    assert read_current(directory) == before
    assert Releases(directory).ids() == [before]
    assert not (directory / ".incoming").exists()


# verify


def damaged(published: Path, directory: Path) -> Path:
    """A copy of a release, to be damaged."""
    copy = directory / published.resolve().name
    shutil.copytree(published.resolve(), copy)
    for path in copy.rglob("*"):
        path.chmod(0o755)
    return copy


def test_each_difference_from_the_manifest_is_named(published: Path, tmp_path: Path) -> None:
    copy = damaged(published, tmp_path)
    assert differences(copy) == []
    database = copy / "palettes.duckdb"
    content = bytearray(database.read_bytes())
    content[len(content) // 2] ^= 1
    database.write_bytes(content)
    with (copy / "parquet" / "palettes.parquet").open("ab") as file:
        file.write(b"x")
    (copy / "convex" / "import.zip").unlink()
    (copy / "convex" / "new").write_text("")
    manifest = json.loads((copy / "manifest.json").read_text())
    for entry in manifest["files"]:
        entry["rows"] += entry["path"] == "convex/palette_tag_consensus.jsonl"
    (copy / "manifest.json").write_text(json.dumps(manifest))
    assert [line.split(" ")[0] for line in differences(copy)] == [
        "convex/import.zip", "convex/new", "convex/palette_tag_consensus.jsonl", "palettes.duckdb",
        "parquet/palettes.parquet",
    ]  # fmt: skip


def test_a_flipped_byte_anywhere_is_found(published: Path, tmp_path: Path) -> None:
    copy = damaged(published, tmp_path)
    for path in [path for path in copy.rglob("*") if path.is_file() and path.name != "manifest.json"]:
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 0x80]))
        assert [line.split(" ")[0] for line in differences(copy)] == [str(path.relative_to(copy))]
        path.write_bytes(content)


# The command


def test_the_command_publishes_and_verifies(command: Command, place: BuiltPlace, tmp_path: Path) -> None:
    code, out, err = command("verify")
    assert (code, out) == (1, "")
    assert "python -m publish" in err

    code, out, err = command("--json")
    assert (code, err) == (0, "")
    build_id = json.loads(out)["build_id"]
    assert read_current(tmp_path / "published") == build_id
    assert command()[0] == 0
    for arguments in (("verify",), ("verify", build_id), ("verify", str(tmp_path / "published" / "current"))):
        assert command(*arguments)[0] == 0
    assert json.loads(command("verify", "--json")[1])["differences"] == []

    path = tmp_path / "published" / build_id / "parquet" / "palettes.parquet"
    path.chmod(0o644)
    path.write_bytes(b"")
    code, out, err = command("verify")
    assert code == 1
    assert out.startswith("parquet/palettes.parquet has 0 bytes")
    assert err.count("\n") == 1
    code, _out, err = command()
    assert code == 1
    assert "parquet/palettes.parquet" in err

    place.build_again(1)
    assert command("--publish-dir", "elsewhere", "verify")[0] == 1
    assert command("--publish-dir", "elsewhere")[0] == 0
    assert command("--publish-dir", "elsewhere", "verify")[0] == 0


def test_what_was_built_before_a_newer_run_is_published_where_that_is_asked_for(
    command: Command, place: BuiltPlace
) -> None:
    load(SAMPLE, LandingZone(place.raw_dir))
    code, _out, err = command()
    assert code == 1
    assert "--allow-stale" in err
    assert command("--allow-stale")[0] == 0


def test_a_refusal_is_one_line(command: Command, place: BuiltPlace) -> None:
    edit(place, lambda r: r["results"][-1].update(status="fail"))
    code, out, err = command()
    assert (code, out) == (1, "")
    assert err.startswith("publish: the last build failed in ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("arguments", [("--keep", "0"), ("--keep", "x"), ("--unknown",), ("verify", "a", "b")])
def test_wrong_usage_ends_with_2(command: Command, arguments: tuple[str, ...]) -> None:
    assert command(*arguments)[0] == 2


def test_help_teaches(command: Command) -> None:
    for arguments in (("--help",), ("verify", "--help")):
        code, out, _err = command(*arguments)
        assert code == 0
        assert "publish" in out
    done = subprocess.run(
        [sys.executable, "-m", "publish", "--help"], cwd=ROOT, env=dict(os.environ), capture_output=True, check=True
    )
    assert b"PUBLISH_DIR" in done.stdout
