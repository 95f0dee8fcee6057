"""`make build` does nothing where nothing has changed, and anything that has changed makes it build."""

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from published import BuiltPlace

from common.inputs import inputs
from common.raw_zone import RawZone
from common.releases import Releases
from common.run_dbt import keep_artifacts
from extract.landing import LandingZone
from extract.load import load
from publish.up_to_date import main, up_to_date


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's files, of which some are enough: dbt doesn't run here."""
    folder = tmp_path / "project"
    for name in ("models/marts/x.sql", "models/x.yml", "macros/x.sql", "functions/x.sql", "seeds/x.csv", "tests/x.sql"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x", encoding="utf-8")
    for name in ("dbt_project.yml", "profiles.yml", "selectors.yml"):
        (folder / name).write_text("x", encoding="utf-8")
    monkeypatch.setenv("DBT_PROJECT_DIR", str(folder))
    monkeypatch.setenv("DBT_PROFILES_DIR", str(folder))
    return folder


@pytest.fixture
def place(messy: BuiltPlace, tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch) -> BuiltPlace:
    """A build that `make build` has made, and published."""
    assert project
    place = messy.copied(tmp_path / "place")
    for name, value in place.settings(tmp_path / "published").items():
        monkeypatch.setenv(name, value)
    keep_artifacts(place.target, inputs())
    place.publish(tmp_path / "published")
    return place


def is_up_to_date(place: BuiltPlace) -> bool:
    releases = Releases(place.target.parents[1] / "published")
    found = up_to_date(releases, RawZone(place.raw_dir))
    assert found is None or found.build_id == releases.current()
    return found is not None


def test_where_nothing_has_changed_there_is_nothing_to_do(
    place: BuiltPlace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert is_up_to_date(place)
    monkeypatch.setenv("DUCKDB_THREADS", "1")
    monkeypatch.setenv("DUCKDB_MEMORY_LIMIT", "2GB")
    assert main() == 0
    assert "FORCE=1" in capsys.readouterr().out


@pytest.mark.parametrize(
    "name",
    [
        "models/marts/x.sql",
        "models/x.yml",
        "macros/x.sql",
        "functions/x.sql",
        "seeds/x.csv",
        "tests/x.sql",
        "dbt_project.yml",
        "profiles.yml",
        "selectors.yml",
    ],
)
@pytest.mark.parametrize(
    "edit", [lambda path: path.write_text("y"), Path.unlink, lambda path: path.rename(f"{path}.old")]
)
def test_an_edit_of_any_file_that_dbt_reads_is_a_change(
    project: Path, name: str, edit: Callable[[Path], object]
) -> None:
    before = inputs()
    edit(project / name)
    assert inputs() != before


def test_a_new_file_and_a_setting_of_dbt_are_changes(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = inputs()
    monkeypatch.setenv("DBT_TARGET", "another")
    assert inputs() != before
    monkeypatch.delenv("DBT_TARGET")
    assert inputs() == before
    (project / "models" / "new.sql").write_text("", encoding="utf-8")
    assert inputs() != before


def land(place: BuiltPlace) -> None:
    path = place.raw_dir.with_name("palettes.jsonl")
    path.write_bytes(b'{"_id":"new","_creationTime":1,"seed":"new"}\n')
    load(path, LandingZone(place.raw_dir), table="palettes", allow_shrink=["palettes"])


def forget_the_database(place: BuiltPlace) -> None:
    place.database.unlink()


def build_otherwise(place: BuiltPlace) -> None:
    with duckdb.connect(str(place.database)) as connection:
        connection.execute("update raw.build_runs set invocation_id = 'another'")


def damage_the_release(place: BuiltPlace) -> None:
    file = next((place.target.parents[1] / "published" / "current").resolve().glob("parquet/*.parquet"))
    file.chmod(0o644)
    with file.open("ab") as written:
        written.write(b"x")


def forget_the_release(place: BuiltPlace) -> None:
    (place.target.parents[1] / "published" / "current").unlink()


@pytest.mark.parametrize("change", [land, forget_the_database, build_otherwise, damage_the_release, forget_the_release])
def test_other_data_another_build_and_a_damaged_release_are_changes(
    place: BuiltPlace, change: Callable[[BuiltPlace], None]
) -> None:
    assert is_up_to_date(place)
    change(place)
    assert not is_up_to_date(place)


def test_what_plain_dbt_built_is_built_again(messy: BuiltPlace, tmp_path: Path, project: Path) -> None:
    assert project
    place = messy.copied(tmp_path / "place")
    assert place.publish(tmp_path / "published").manifest.inputs is None
    assert not is_up_to_date(place)


def test_an_edit_during_a_build_makes_the_next_one_differ(
    messy: BuiltPlace, tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = messy.copied(tmp_path / "place")
    for name, value in place.settings(tmp_path / "published").items():
        monkeypatch.setenv(name, value)
    before = inputs()
    (project / "models" / "x.yml").write_text("edited", encoding="utf-8")
    keep_artifacts(place.target, before)
    assert place.publish(tmp_path / "published").manifest.inputs == before
    assert not is_up_to_date(place)


def test_what_an_earlier_build_was_made_with_is_not_taken_for_the_last_one(place: BuiltPlace) -> None:
    place.build_again(1)  # as plain dbt does
    assert place.publish(place.target.parents[1] / "published").manifest.inputs is None
