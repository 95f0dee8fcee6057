"""The project's commands, from any directory; its version; and a table as CSV."""

import json
import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import duckdb
import pytest
from conftest import ROOT, documents

from palette import PROJECT_DIR, __version__, find_project


def run(directory: Path, command: str, *arguments: str, project: Path | None = None) -> str:
    """Run a command in a directory, and return what it prints."""
    unset = ("RAW_DIR", "PUBLISH_DIR", PROJECT_DIR)
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    environment |= {PROJECT_DIR: str(project)} if project else {}
    script = Path(sys.prefix) / "bin" / command
    done = subprocess.run(
        [script, *arguments], cwd=directory, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project's directory as another sees it: its own settings and data, and a directory inside."""
    project = tmp_path / "project"
    (project / "inside" / "it").mkdir(parents=True)
    for path in ROOT.iterdir():
        if path.suffix == ".py" or path.name in ("dbt_project.yml", "Makefile") or (path / "__init__.py").is_file():
            (project / path.name).symlink_to(path)
    (project / ".venv").symlink_to(sys.prefix)
    (project / ".env").write_text("RAW_DIR=raw-of-the-project\n")
    return project


def test_the_project_is_found_upwards_and_its_settings_count(project: Path) -> None:
    status = json.loads(run(project / "inside" / "it", "palette-extract", "status", "--json"))
    assert status["raw_dir"] == "raw-of-the-project"
    status = json.loads(run(project.parent, "palette-extract", "status", "--json", project=project))
    assert status["raw_dir"] == "raw-of-the-project"


def test_a_path_is_meant_from_where_the_command_is_called(project: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "palettes.jsonl").write_bytes(documents("a", "b"))
    run(elsewhere, "palette-extract", "load", "palettes.jsonl", "--raw-dir", "here", project=project)
    run(elsewhere, "palette-extract", "load", "palettes.jsonl", project=project)
    assert len([*(elsewhere / "here").glob("*/palettes.parquet")]) == 1
    assert len([*(project / "raw-of-the-project").glob("*/palettes.parquet")]) == 1


def test_without_a_project_upwards_it_is_that_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dbt_project.yml").write_text("name: another_project\n")
    monkeypatch.setattr(sys, "prefix", str(ROOT / ".venv"))
    assert find_project(tmp_path, None) == ROOT
    monkeypatch.setattr(sys, "prefix", "/usr")
    with pytest.raises(LookupError, match=f"isn't in the project: set {PROJECT_DIR}"):
        find_project(tmp_path, None)
    with pytest.raises(LookupError, match=f"{PROJECT_DIR}={tmp_path} isn't the project"):
        find_project(ROOT, str(tmp_path))


@pytest.mark.parametrize("module", ["extract", "publish"])
def test_help_names_the_command_as_it_was_called(tmp_path: Path, module: str) -> None:
    arguments = ["verify" if module == "publish" else "load", "--help"]
    shown = run(tmp_path, f"palette-{module}", *arguments, project=ROOT)
    assert shown.startswith(f"usage: palette-{module} ")
    assert f"python -m {module}" not in shown
    command = [sys.executable, "-m", module, *arguments]
    same = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert same.startswith(f"usage: python -m {module} ")


def test_the_version_is_told_in_one_place(tmp_path: Path) -> None:
    assert version("palette-analytics") == __version__
    assert run(tmp_path, "palette-extract", "--version", project=ROOT) == f"{__version__}\n"


def test_the_changelog_begins_with_what_is_unreleased_and_then_with_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    first, *dated = re.findall(r"^## \[(.+)\](?: - \d{4}-\d\d-\d\d)?$", text, re.MULTILINE)
    assert first == "Unreleased"
    assert dated[:1] in ([], [__version__]), "make a version as docs/versions.md says"


def test_make_csv_writes_a_published_table(project: Path) -> None:
    release = project / "data" / "published" / "20261125T061644Z-0123456789ab"
    release.mkdir(parents=True)
    (release.parent / "current").symlink_to(release.name)
    with duckdb.connect(str(release / "palettes.duckdb")) as connection:
        connection.execute("create table said as select '凉' as tag, null as note, '=1+1, or \"2\"' as words")
    command = ["make", "--old-file=.venv/.dev", "csv"]
    settings = {name: value for name, value in os.environ.items() if name != "PUBLISH_DIR"}

    def make(*arguments: str) -> int:
        return subprocess.run([*command, *arguments], cwd=project, env=settings, check=False).returncode

    assert make("TABLE=said") == 0
    assert (make("TABLE=nothing"), make()) == (2, 2)
    (file,) = (project / "data" / "csv").iterdir()
    assert file.name == "said.csv"
    assert file.read_bytes().decode() == 'tag,note,words\n凉,,"=1+1, or ""2"""\n'
