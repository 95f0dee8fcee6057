"""The dbt project as a whole, on the sample export that comes with it."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from comparison import assert_counted_by_the_rules
from judged_statistics import assert_statistics_are_those_of_others
from warehouse import PROJECT, Warehouse

from benchmarks.generate import generate

SAMPLE = PROJECT / "sample" / "convex-export.zip"


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    warehouse = Warehouse(tmp_path_factory.mktemp("sample"))
    warehouse.land(SAMPLE)
    warehouse.run("build")
    warehouse.run("docs", "generate")
    return warehouse


def test_the_sample_is_what_its_generator_makes(tmp_path: Path) -> None:
    generate(tmp_path / "made.zip", palettes=25, seed=1)
    with zipfile.ZipFile(SAMPLE) as shipped, zipfile.ZipFile(tmp_path / "made.zip") as made:
        assert shipped.namelist() == made.namelist()
        assert all(shipped.read(name) == made.read(name) for name in made.namelist())
    assert SAMPLE.stat().st_size <= 200_000


def test_the_sample_gives_every_class_of_value(sample: Warehouse) -> None:
    found = {row[0] for row in sample.rows("select distinct value_class from tag_values")}
    assert found == {
        "allowed", "mapped", "open", "unmapped", "unwanted", "fragment", "too_long", "surplus", "empty", "not_text"
    }  # fmt: skip


def test_a_chinese_answer_is_counted_as_what_it_means(sample: Warehouse) -> None:
    rows = sample.rows("""
        select said.result_count, canonical.result_count
        from tag_frequencies as said
        join canonical_tag_frequencies as canonical using (palette_seed, prompt_version, attribute, canonical_tag)
        where said.tag = '凉' and attribute = 'temperature' and canonical_tag = 'cool'
    """)
    assert rows
    assert all(0 < said <= canonical for said, canonical in rows)


def test_the_sample_is_counted_by_the_rules(sample: Warehouse) -> None:
    with zipfile.ZipFile(SAMPLE) as export:
        lines = export.read("palette_tags/documents.jsonl").decode().split("\n")
    assert_counted_by_the_rules(sample, [line for line in lines if line])


def test_the_statistics_of_the_sample_are_those_that_others_compute(sample: Warehouse) -> None:
    compared = assert_statistics_are_those_of_others(sample)
    versions, attributes, categorical, models = 3, 10, 4, 12
    assert compared == {
        "krippendorff_alpha": versions * attributes,
        "krippendorff_alpha, tag by tag": versions * (attributes - categorical),
        "mean_entropy": versions * attributes,
        "agreement_change": (versions - 1) * attributes,
        "agreement_change_error": (versions - 1) * attributes,
        "agreement": (versions + 1) * models * categorical,
        "cohens_kappa": (versions + 1) * models * categorical,
        "self_consistency": (versions + 1) * models * categorical,
    }


def test_the_tags_of_a_palette_are_ranked_by_the_lower_bound_of_their_share(sample: Warehouse) -> None:
    assert sample.rows("select count(*) from palette_tag_ranking") > [(1000,)]
    assert not sample.rows("""
        select * from palette_tag_ranking
        qualify rank <> row_number() over (
            partition by palette_seed, attribute order by share_lower_bound desc, canonical_tag
        )
    """)


def test_the_summary_shows_counts_and_where_the_warehouse_is(sample: Warehouse) -> None:
    command = [sys.executable, "-m", "publish.summary"]
    environment = {"DUCKDB_PATH": str(sample.database), "PYTHONIOENCODING": "utf-8"}
    shown = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=True).stdout
    (answers,) = sample.rows("select count(*) from tag_results")[0]
    assert f"{answers:,} answers" in shown
    assert "said as 凉" in shown
    assert str(sample.database) in shown.replace("\n", "")


def test_without_a_build_the_summary_says_what_to_do(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "publish.summary"]
    environment = {"DUCKDB_PATH": str(tmp_path / "none.duckdb")}
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "make build" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "none.duckdb").exists()


def test_freshness_looks_at_the_time_of_the_run(sample: Warehouse) -> None:
    sample.run("source", "freshness")
    sources = json.loads((sample.target / "sources.json").read_text())["results"]
    assert sources
    assert {source["status"] for source in sources} == {"pass"}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    return Warehouse(tmp_path_factory.mktemp("small"))


def test_an_empty_raw_zone_builds_empty_tables(small: Warehouse) -> None:
    small.run("build")
    assert small.rows("select count(*) from palettes") == [(0,)]
    assert small.rows("select count(*) from palette_tag_consensus") == [(0,)]
    assert small.rows("select count(*) from raw.build_runs") == [(0,)]


def test_a_new_run_changes_nothing_before_the_next_build_and_replaces_the_table_then(small: Warehouse) -> None:
    document = '{"_id":"%s","seed":"s","promptVersion":"v","model":"m","provider":"p","tags":{"mood":["calm"]}}'
    small.land_documents("palette_tags", [document % "a", document % "b"])
    small.run("run")
    assert small.rows("select result_count from tag_frequencies") == [(2,)]

    small.land_documents("palette_tags", [document % "c"])
    assert small.rows("select count(*) from stg_convex__palette_tags") == [(2,)]
    small.run("test", "--select", "test_type:singular")
    assert small.rows("select count(*) from stg_convex__palette_tags") == [(2,)]

    small.run("run")
    assert small.rows("select result_count from tag_frequencies") == [(1,)]
    assert small.rows("select result_id from tag_results") == [("c",)]


def test_what_was_deleted_between_two_exports_is_known_to_be_deleted(small: Warehouse) -> None:
    small.forget_runs()
    small.land_documents("palettes", ['{"_id":"p1","seed":"one"}', '{"_id":"p2","seed":"two"}'])
    small.land_documents("palettes", ['{"_id":"p2","seed":"two"}'])
    small.run("run")
    assert small.rows("select palette_seed, is_deleted from palettes order by 1") == [("one", True), ("two", False)]


def test_a_document_with_half_a_surrogate_pair_is_counted(small: Warehouse) -> None:
    small.forget_runs()
    tags = r'{"mood":["\ud800calm","\ud83d\ude00","\\ud800"]}'
    small.land_documents("palette_tags", [f'{{"_id":"a","seed":"s","promptVersion":"v","model":"m","tags":{tags}}}'])
    small.run("run")
    found = {row[0] for row in small.rows("select tag from tag_frequencies")}
    assert found == {"\ufffdcalm", "😀", r"\ud800"}


def test_more_models_than_a_machine_word_has_bits_are_counted(small: Warehouse) -> None:
    small.forget_runs()
    document = '{"_id":"%d","seed":"s","promptVersion":"v","model":"m%d","tags":{"mood":["calm"]}}'
    small.land_documents("palette_tags", [document % (number, number) for number in range(300)])
    small.run("run")
    assert small.rows("select result_count, model_count from tag_frequencies") == [(300, 300)]
