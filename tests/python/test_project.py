"""The dbt project as a whole, on the sample export that comes with it."""

import csv
import json
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from comparison import assert_counted_by_the_rules
from judged_statistics import assert_statistics_are_those_of_others
from published import BuiltPlace
from statistics_by_hand import assert_pairs_and_drift_are_those_by_hand
from warehouse import PROJECT, WITHOUT_TESTS, Warehouse
from weighted_votes import fit, scores

from benchmarks.generate import generate
from docsite.subjects import picture
from seeds.check import problems

SAMPLE = PROJECT / "sample" / "convex-export.zip"


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    warehouse = Warehouse(tmp_path_factory.mktemp("sample"))
    warehouse.land(SAMPLE)
    warehouse.run("build", *WITHOUT_TESTS)
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
        "allowed", "mapped", "open", "unmapped", "unwanted", "fragment", "too_long", "extra", "empty", "not_text"
    }  # fmt: skip


def test_the_picture_of_the_architecture_is_that_of_the_models(messy: BuiltPlace) -> None:
    manifest = messy.manifest()
    page = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert picture(manifest) in page, "docs/architecture.md is out of date: run make picture"


def test_a_chinese_answer_is_counted_as_what_it_means(sample: Warehouse) -> None:
    rows = sample.rows("""
        select said.answer_count, canonical.answer_count
        from tag_frequencies as said
        join canonical_tag_frequencies as canonical using (palette_seed, prompt_version, attribute, canonical_tag)
        where said.tag = '凉' and attribute = 'temperature' and canonical_tag = 'cool'
    """)
    assert rows
    assert all(0 < said <= canonical for said, canonical in rows)


def test_the_guesses_of_the_guide_are_those_of_the_sample(sample: Warehouse) -> None:
    guide = " ".join((PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8").split())
    query = "select likely_tag, round(100 * likely_share)::int, answer_count, palette_count from unmapped_tags"
    ((tag, percent, answers, palettes),) = sample.rows(f"{query} where tag = '明るい'")
    assert (answers, palettes) == (1, 1)
    assert f"one answer on one palette said 明るい, and its `likely_tag` is `{tag}`, as {percent} % of" in guide
    query = "select suggested_answer_count, answer_count, reason from similar_tags where tag = 'rosé'"
    ((usual, other, reason),) = sample.rows(query)
    assert f"`associations,rosé,rose,suggested: {reason}` ({usual} answers say `rose`, {other} `rosé`)" in guide


def test_the_sample_is_counted_by_the_rules(sample: Warehouse) -> None:
    with zipfile.ZipFile(SAMPLE) as export:
        lines = export.read("palette_tags/documents.jsonl").decode().split("\n")
    assert_counted_by_the_rules(sample, [line for line in lines if line])


def test_the_statistics_of_the_sample_are_those_that_others_compute(sample: Warehouse) -> None:
    compared = assert_statistics_are_those_of_others(sample)
    versions, attributes, categorical, closed, models = 3, 10, 4, 7, 12
    of_each, of_changes = versions * attributes, (versions - 1) * attributes
    assert compared == {
        "palette_count": of_each,
        "krippendorff_alpha": of_each,
        "krippendorff_alpha_lower_bound": of_each,
        "krippendorff_alpha_upper_bound": of_each,
        "krippendorff_alpha, tag by tag": versions * (attributes - categorical),
        "krippendorff_alpha_change": of_changes,
        "mean_entropy": versions * closed,
        "mean_entropy_change": (versions - 1) * closed,
        "mean_effective_tags": of_each,
        "mean_effective_tags_change": of_changes,
        "previous_prompt_version": of_changes,
        "shared_palette_count": of_each,
        "agreement_change": of_changes,
        "agreement_change_error": of_changes,
        "agreement_change_p_value": of_changes,
        "verdict": of_changes,
        "agreement": (versions + 1) * models * categorical,
        "cohens_kappa": (versions + 1) * models * categorical,
        "self_consistency": (versions + 1) * models * categorical,
    }


def test_the_tags_of_a_palette_are_ranked_by_the_answers_that_say_them(sample: Warehouse) -> None:
    assert sample.rows("select count(*) from palette_tag_ranking") > [(1000,)]
    assert not sample.rows("""
        select * from palette_tag_ranking
        qualify rank <> row_number() over (
            partition by palette_seed, attribute order by answer_count desc, canonical_tag
        )
    """)


def test_the_weighted_consensus_of_the_sample_is_that_of_the_paper(sample: Warehouse) -> None:
    """Found by another way, from what is public."""
    for attribute in ("temperature", "contrast", "brightness", "saturation"):
        votes = sample.rows(f"""
            select palette_seed || ' ' || prompt_version, model, canonical_tag
            from tag_values
            where attribute = '{attribute}' and is_counted and model is not null
                and value_class in ('allowed', 'mapped', 'unmapped', 'unwanted')
        """)
        expected = fit(votes)
        weights = dict(sample.rows(f"select model, weight from model_reliability where attribute = '{attribute}'"))
        assert weights.keys() == expected.weights.keys()
        assert all(weight == pytest.approx(expected.weights[model], abs=5.1e-3) for model, weight in weights.items())
        of_item = scores(votes, expected.weights, expected.means)
        found = sample.rows(f"""
            select palette_seed || ' ' || prompt_version, winner, weighted_share
            from weighted_consensus
            where attribute = '{attribute}'
        """)
        assert {item for item, _, _ in found} == of_item.keys()
        for item, winner, share in found:
            total = 1 + sum(score - expected.means[tag] for tag, score in of_item[item].items())
            assert share == pytest.approx(max(of_item[item].values()) / total, abs=0.005 + 1e-6)
            assert of_item[item][winner] == pytest.approx(max(of_item[item].values()), rel=1e-6)


def test_the_summary_shows_counts_and_where_the_warehouse_is(sample: Warehouse) -> None:
    command = [sys.executable, "-m", "publish.summary"]
    environment = {"DUCKDB_PATH": str(sample.database), "PYTHONIOENCODING": "utf-8"}
    shown = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=True).stdout
    (answers,) = sample.rows("select count(*) from answers")[0]
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


def test_pairs_and_drift_of_the_sample_are_those_counted_by_hand(sample: Warehouse) -> None:
    compared = assert_pairs_and_drift_are_those_by_hand(sample)
    assert compared == {"tag_pairs": 0, "tag_drift": 514, "attribute_drift": 20}


# The questions in analyses/

Asked = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def asked(sample: Warehouse) -> Asked:
    sample.run("compile", "--select", "path:analyses")
    folder = sample.target / "compiled" / "palette_analytics" / "analyses"
    return lambda name: sample.rows((folder / f"{name}.sql").read_text(encoding="utf-8"))


def test_every_question_has_an_answer_in_the_sample(asked: Asked) -> None:
    questions = sorted(path.stem for path in (PROJECT / "analyses").glob("*.sql"))
    assert len(questions) == 7
    assert [question for question in questions if not asked(question)] == []


def test_the_top_tags_are_those_that_most_answers_said(asked: Asked, sample: Warehouse) -> None:
    tops = asked("top_100_tags")
    counts = sample.rows(
        "select sum(answer_count) from tag_frequencies group by attribute, tag order by 1 desc limit 100"
    )
    assert [row[4] for row in tops] == [count for (count,) in counts]


def test_tags_by_prompt_version_are_five_of_each_attribute(asked: Asked, sample: Warehouse) -> None:
    found = Counter(row[:2] for row in asked("tags_by_prompt_version"))
    assert found.keys() == set(sample.rows("select distinct prompt_version, attribute from tag_frequencies"))
    assert set(found.values()) <= {3, 4, 5}


def test_the_most_contested_palettes_come_first(asked: Asked) -> None:
    margins = [row[3] for row in asked("most_contested_palettes")]
    assert len(margins) == 50
    assert margins == sorted(margins)
    assert margins[0] < 0.7


def test_disagreement_is_that_of_each_models_votes(asked: Asked, sample: Warehouse) -> None:
    rows = asked("models_that_disagree_most")
    assert {row[:2] for row in rows} == set(sample.rows("select distinct provider, model from answers"))
    categorical = "('temperature', 'contrast', 'brightness', 'saturation')"
    ((apart, votes),) = sample.rows(f"""
        select sum(total_votes - winner_answer_count), sum(total_votes) from attribute_consensus join (
            select palette_seed, prompt_version, attribute, sum(answer_count) as total_votes
            from canonical_tag_frequencies group by all
        ) using (palette_seed, prompt_version, attribute)
        where attribute in {categorical} and not is_tie
    """)
    assert sum(row[2] for row in rows) == votes
    assert sum(row[2] * row[3] for row in rows) == pytest.approx(float(apart))
    assert [row[3] for row in rows] == sorted((row[3] for row in rows), reverse=True)


def test_a_refinement_batch_holds_what_nobody_has_refined(asked: Asked, sample: Warehouse) -> None:
    waiting = {row[0] for row in asked("next_refinement_batch")}
    refined = set(sample.rows("select palette_seed from refinement_queue where len(refinements) > 0"))
    assert refined
    assert waiting == {
        seed for (seed,) in sample.rows("select palette_seed from refinement_queue") if (seed,) not in refined
    }


def test_the_cost_of_all_prompt_versions_is_that_of_all_answers(asked: Asked, sample: Warehouse) -> None:
    rows = asked("cost_per_prompt_version")
    total = sample.rows("select count(*), sum(input_tokens), sum(output_tokens) from answers")[0]
    assert tuple(sum(row[place] for row in rows) for place in (1, 4, 5)) == total
    assert [row[0] for row in rows] == ["f2eddcc99396", "21ba6a6ae768", "9dd807489671"]


def test_suggested_synonyms_are_lines_that_the_seed_takes(asked: Asked) -> None:
    seed = PROJECT / "seeds" / "synonyms.csv"
    lines = StringIO()
    csv.writer(lines, lineterminator="\n").writerows(asked("suggested_synonyms"))
    columns = ["attribute", "tag", "canonical_tag", "note"]
    assert list(problems(seed.read_bytes() + lines.getvalue().encode(), columns)) == []
    added = list(csv.DictReader(StringIO(lines.getvalue()), columns))
    present = list(csv.DictReader(StringIO(seed.read_text(encoding="utf-8"))))
    keys = [(row["attribute"], row["tag"]) for row in [*present, *added]]
    assert len(keys) == len(set(keys))
    assert not {(row["attribute"], row["canonical_tag"]) for row in [*present, *added]} & set(keys)
    assert {"attribute": "associations", "tag": "rosé", "canonical_tag": "rose", "note": "suggested: spelling"} in added


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """A warehouse at an odd path, whose database isn't called what its file is."""
    warehouse = Warehouse(tmp_path_factory.mktemp("small") / "[1] o'brien a=b")
    warehouse.directory.mkdir()
    warehouse.database = warehouse.directory / ".É x-1+2.y.duckdb"
    return warehouse


def test_an_empty_raw_zone_builds_empty_tables(small: Warehouse) -> None:
    small.run("build", "--exclude-resource-type", "unit_test")
    assert small.rows("select count(*) from palettes") == [(0,)]
    assert small.rows("select count(*) from palette_tag_consensus") == [(0,)]
    assert small.rows("select count(*) from raw.build_runs") == [(0,)]


def test_a_new_run_changes_nothing_before_the_next_build_and_replaces_the_table_then(small: Warehouse) -> None:
    document = '{"_id":"%s","seed":"s","promptVersion":"v","model":"m","provider":"p","tags":{"mood":["calm"]}}'
    small.land_documents("palette_tags", [document % "a", document % "b"])
    small.run("run")
    assert small.rows("select answer_count from tag_frequencies") == [(2,)]

    small.land_documents("palette_tags", [document % "c"])
    assert small.rows("select count(*) from stg_convex__palette_tags") == [(2,)]
    small.run("test", "--select", "test_type:singular")
    assert small.rows("select count(*) from stg_convex__palette_tags") == [(2,)]

    small.run("run", "--select", "+tag_frequencies", "answers")
    assert small.rows("select answer_count from tag_frequencies") == [(1,)]
    assert small.rows("select answer_id from answers") == [("c",)]


def test_what_was_deleted_between_two_exports_is_known_to_be_deleted(small: Warehouse) -> None:
    small.forget_runs()
    small.land_documents("palettes", ['{"_id":"p1","seed":"one"}', '{"_id":"p2","seed":"two"}'])
    small.land_documents("palettes", ['{"_id":"p2","seed":"two"}'])
    small.run("run", "--select", "+palettes")
    assert small.rows("select palette_seed, is_deleted from palettes order by 1") == [("one", True), ("two", False)]


def test_a_document_with_half_a_surrogate_pair_is_counted(small: Warehouse) -> None:
    small.forget_runs()
    tags = r'{"mood":["\ud800calm","\ud83d\ude00","\\ud800"]}'
    small.land_documents("palette_tags", [f'{{"_id":"a","seed":"s","promptVersion":"v","model":"m","tags":{tags}}}'])
    small.run("run", "--select", "+tag_frequencies")
    found = {row[0] for row in small.rows("select tag from tag_frequencies")}
    assert found == {"\ufffdcalm", "😀", r"\ud800"}


def test_more_models_than_a_machine_word_has_bits_are_counted(small: Warehouse) -> None:
    small.forget_runs()
    document = '{"_id":"%d","seed":"s","promptVersion":"v","model":"m%d","tags":{"mood":["calm"]}}'
    small.land_documents("palette_tags", [document % (number, number) for number in range(300)])
    small.run("run", "--select", "+tag_frequencies")
    assert small.rows("select answer_count, model_count from tag_frequencies") == [(300, 300)]


def told(warehouse: Warehouse) -> str:
    """What a person reads of a quiet dbt command that looks at the raw zone first."""
    with redirect_stdout(StringIO()) as output:
        result = warehouse.dbt("seed", "--select", "vocabulary")
    return f"{result.success} {output.getvalue()}"


def test_what_is_wrong_with_the_raw_zone_is_named_before_anything_is_built(small: Warehouse) -> None:
    small.forget_runs()
    assert f"True There is no run in {small.raw_dir}: all tables are taken as empty" in told(small)
    run = small.land_documents("palettes", ['{"_id":"p1","seed":"one"}'])
    folder = small.raw_dir / run.run_id
    whole = (folder / "run.json").read_bytes()
    for content in (whole[:100], b'{"run_id": "x"}'):
        (folder / "run.json").write_bytes(content)
        said = told(small)
        assert said.startswith("False ")
        assert f"{folder / 'run.json'} is no whole run.json: put it back, or delete the folder of this run" in said
    (folder / "run.json").write_bytes(whole)
    (folder / "palettes.parquet").unlink()
    said = told(small)
    assert said.startswith("False ")
    assert f"{folder / 'palettes.parquet'} is gone, and the run's run.json names it: put it back" in said
