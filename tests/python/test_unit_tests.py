"""Unit tests judge code: they run when it has changed, and nothing is published whose code they haven't passed on."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from published import BuiltPlace
from warehouse import Warehouse

from common.errors import CommandError
from common.manifest import UnitTests
from common.progress import no_progress
from common.raw_zone import RawZone
from common.releases import Releases
from publish.release import Published, publish
from publish.unit_tests import FOLDER, code_of, unit_tests_of

Manifest = dict[str, Any]


@pytest.fixture
def place(messy: BuiltPlace, tmp_path: Path) -> BuiltPlace:
    """A build that ran its unit tests too."""
    return messy.copied(tmp_path / "place")


def publish_it(place: BuiltPlace, *, allow_untested: bool = False) -> Published:
    zone, releases = RawZone(place.raw_dir), Releases(place.target.with_name("published"))
    return publish(place.target, place.database, zone, releases, 3, no_progress, allow_untested=allow_untested)


def write(place: BuiltPlace, *, results: dict[str, Any] | None = None, manifest: Manifest | None = None) -> None:
    for name, content in (("run_results.json", results), ("manifest.json", manifest)):
        if content:
            (place.target / name).write_text(json.dumps(content))


def leave_out_unit_tests(place: BuiltPlace) -> None:
    """Make it what plain `dbt build` leaves."""
    results = place.results()
    ran = [one for one in results["results"] if not one["unique_id"].startswith("unit_test.")]
    assert len(ran) < len(results["results"])
    write(place, results={**results, "results": ran})


def edit_macro(manifest: Manifest) -> None:
    manifest["macros"]["macro.palette_analytics.exact_sum"]["macro_sql"] += " "


def edit_model(manifest: Manifest) -> None:
    manifest["nodes"]["model.palette_analytics.int_tags"]["raw_code"] += " "


def edit_function(manifest: Manifest) -> None:
    manifest["functions"]["function.palette_analytics.top_tags"]["raw_code"] += " "


def edit_type(manifest: Manifest) -> None:
    manifest["nodes"]["model.palette_analytics.tag_totals"]["columns"]["palette_count"]["data_type"] = "double"


def edit_unit_test(manifest: Manifest) -> None:
    next(iter(manifest["unit_tests"].values()))["expect"]["rows"] = []


def edit_version(manifest: Manifest) -> None:
    manifest["metadata"]["dbt_version"] = "1.99.0"


@pytest.mark.parametrize("edit", [edit_macro, edit_model, edit_function, edit_type, edit_unit_test, edit_version])
def test_an_edit_of_code_wants_the_unit_tests_again(place: BuiltPlace, edit: Callable[[Manifest], None]) -> None:
    manifest = place.manifest()
    before = unit_tests_of(place.target, place.results(), manifest)
    assert before.passed_at == place.results()["metadata"]["generated_at"]
    leave_out_unit_tests(place)
    ran = place.target / FOLDER
    ran.mkdir()
    (ran / "manifest.json").write_text(json.dumps(manifest))
    (ran / "run_results.json").write_text(json.dumps({**place.results(), "results": unit_test_results(place)}))
    assert unit_tests_of(place.target, place.results(), manifest) == before
    edit(manifest)
    assert unit_tests_of(place.target, place.results(), manifest) == UnitTests(code_of(manifest), None)


def unit_test_results(place: BuiltPlace, status: str = "pass") -> list[dict[str, str]]:
    return [{"unique_id": key, "status": status} for key in place.manifest()["unit_tests"]]


def test_seeds_and_descriptions_are_no_code(place: BuiltPlace) -> None:
    manifest = place.manifest()
    code = code_of(manifest)
    manifest["nodes"]["seed.palette_analytics.synonyms"]["checksum"]["checksum"] = "another"
    manifest["nodes"]["model.palette_analytics.int_tags"]["description"] = "another"
    assert code_of(manifest) == code


def test_code_that_no_unit_test_has_passed_on_is_not_published(place: BuiltPlace) -> None:
    leave_out_unit_tests(place)
    with pytest.raises(CommandError, match=r"the unit tests haven't passed on the code of this build: make unit-tests"):
        publish_it(place)
    assert Releases(place.target.with_name("published")).ids() == []
    published = publish_it(place, allow_untested=True)
    assert published.manifest.unit_tests == UnitTests(code_of(place.manifest()), None)
    place.build_again(1)
    with pytest.raises(CommandError, match="--allow-untested"):  # a release that allowed it is no record of them
        publish_it(place)


def test_code_that_they_have_passed_on_is_published_without_them(place: BuiltPlace) -> None:
    first = publish_it(place).manifest.unit_tests
    assert first
    assert first.passed_at
    place.build_again(1)
    leave_out_unit_tests(place)
    assert publish_it(place).manifest.unit_tests == first


@pytest.mark.parametrize("how", ["failed", "left out", "no result"])
def test_all_of_them_have_to_pass(place: BuiltPlace, how: str) -> None:
    results = unit_test_results(place)
    if how == "failed":
        results[0]["status"] = "fail"
    elif how == "left out":
        results.pop()
    leave_out_unit_tests(place)
    ran = place.target / FOLDER
    ran.mkdir()
    (ran / "manifest.json").write_text(json.dumps(place.manifest()))
    if how != "no result":
        (ran / "run_results.json").write_text(json.dumps({**place.results(), "results": results}))
    assert unit_tests_of(place.target, place.results(), place.manifest()).passed_at is None


def test_a_build_whose_unit_tests_failed_is_not_published(place: BuiltPlace) -> None:
    results = place.results()
    unit_test = next(one for one in results["results"] if one["unique_id"].startswith("unit_test."))
    unit_test["status"] = "fail"
    write(place, results=results)
    with pytest.raises(CommandError, match=r"the last build failed in unit_test "):
        publish_it(place, allow_untested=True)


def test_plain_dbt_commands_leave_unit_tests_out(messy: BuiltPlace, tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)

    def listed(*arguments: str) -> list[str]:
        result = warehouse.dbt("list", *arguments).result
        assert isinstance(result, list)
        return sorted(result)

    unit_tests = listed("--select", "test_type:unit")
    assert len(unit_tests) == len(messy.manifest()["unit_tests"])
    assert {*unit_tests} <= {*listed("--selector", "everything")}
    assert listed() == listed("--exclude", "test_type:unit")
    assert not {*unit_tests} & {*listed()}


@pytest.mark.further
def test_the_command_runs_them_until_they_have_passed(place: BuiltPlace) -> None:
    leave_out_unit_tests(place)
    environment = {**os.environ, **place.settings(place.target.with_name("published"))}

    def run() -> tuple[int, str, str]:
        command = [sys.executable, "-m", "publish.unit_tests"]
        ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        return ran.returncode, ran.stdout, ran.stderr

    count = len(place.manifest()["unit_tests"])
    assert run() == (0, "", f"{count} unit tests, since the code has changed\n")
    assert run() == (0, "", "")
    tested = publish_it(place).manifest.unit_tests
    assert tested
    assert tested.code == code_of(place.manifest())
    assert tested.passed_at
    assert tested.passed_at > place.results()["metadata"]["generated_at"]
