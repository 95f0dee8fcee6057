"""`python -m common.run_dbt`: what a person sees of dbt where `make` runs it."""

import os
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import duckdb
import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st

from common.run_dbt import explanation, hand_on, main

TRACEBACK = """\
11:31:40  Traceback (most recent call last):
  File "local.py", line 79, in handle
    self.conn = self.made_by(self.credentials)
                ^^^^^^^^^^^^
{error}
See also https://duckdb.org

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "queue.py", line 171, in get
{error}
"""
PROJECT_OF_ONE_MODEL = {
    "dbt_project.yml": "name: small\nprofile: small\nflags: {send_anonymous_usage_stats: false}\n",
    "profiles.yml": "small: {target: dev, outputs: {dev: {type: duckdb, path: \"{{ env_var('DUCKDB_PATH') }}\"}}}\n",
    "models/one.sql": "select 1 as one",
}


def handed_on(text: bytes) -> tuple[bytes, list[str]]:
    out = BytesIO()
    said = hand_on(text.splitlines(keepends=True), out)
    return out.getvalue(), said


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20).filter(lambda t: "Traceback" not in t)))
def test_whatever_dbt_says_comes_as_it_is(lines: list[str]) -> None:
    text = "\n".join(lines).encode()
    assert handed_on(text)[0] == text


@pytest.mark.parametrize(
    "heading", ["", "11:31:40  Encountered an error:\n\n", "\x1b[0m11:31:40  Encountered an error:\n"]
)
@pytest.mark.parametrize("colour", ["", "\x1b[0m"])
def test_a_traceback_is_not_shown_and_what_follows_is(heading: str, colour: str) -> None:
    text = f"before\n{heading}{colour}{TRACEBACK.format(error='KeyError: 1')}\n{colour}11:31:41  after\n"
    shown, said = handed_on(text.encode())
    assert shown.decode() == f"before\n{colour}11:31:41  after\n"
    assert "KeyError: 1" in said


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("KeyboardInterrupt", "interrupted. What is published stays as it was"),
        ("IO Error: Could not write file: No space left on device", "there is no space left for x.duckdb: free some"),
        (
            "IO Error: Could not set lock on file: Conflicting lock is held in /bin/python3 (PID 7) by user me. See",
            "x.duckdb is open in python3 (process 7 of me): wait",
        ),
        ("IO Error: Could not set lock on file: Conflicting lock is held", "x.duckdb is open in another process: wait"),
        ("ValueError: what", "an error of its own (ValueError: what): see logs/dbt.log"),
    ],
)
def test_what_dbt_ended_with_is_told_in_one_line(error: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DBT_LOG_PATH", raising=False)
    _, said = handed_on(TRACEBACK.format(error=error).encode())
    line = explanation(said, Path("x.duckdb"))
    assert line is not None
    assert words in line
    assert "\n" not in line


def test_a_test_that_failed_needs_no_more_words() -> None:
    said = ["Failure in test x", "Got 1 result, configured to fail if != 0", "Broken rule: x (tests/x.sql)"]
    rows = [
        "    tag: IO Error: No space left on device",
        "    tag: KeyboardInterrupt",
        "    tag: Could not set lock on file",
    ]
    assert explanation([*said, *rows], Path("x.duckdb")) is None


@pytest.mark.parametrize("start", ["", "  ", "_duckdb.IOException: ", "  TransactionContext Error: Failed to commit: "])
def test_a_full_disk_is_seen_however_dbt_tells_of_it(start: str) -> None:
    line = explanation([f'{start}IO Error: Could not write file "x": No space left on device'], Path("x.duckdb"))
    assert line is not None
    assert "free some" in line


@pytest.mark.parametrize("name", ["DBT_TARGET_PATH", "DBT_LOG_PATH", "DUCKDB_PATH"])
def test_a_place_that_cannot_be_written_is_named_before_anything_runs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    for other in ("DBT_TARGET_PATH", "DBT_LOG_PATH", "DUCKDB_PATH"):
        monkeypatch.setenv(other, "there")
    monkeypatch.setenv(name, "file/below")
    assert main(["build"]) == 1
    assert capsys.readouterr().err == (
        f"dbt: file/below can't be written: set {name} to another place, or fix its permissions\n"
    )


@pytest.mark.parametrize("name", ["DBT_TARGET_PATH", "DBT_LOG_PATH", "DUCKDB_PATH"])
def test_a_home_that_nobody_knows_is_one_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(name, "~anna/x")
    assert main(["build"]) == 1
    assert capsys.readouterr().err.startswith(f"dbt: {name}=~anna/x: of ~ only ~/ is known")
    assert not [*tmp_path.iterdir()]


def test_a_locked_database_is_one_line_without_colours_and_without_a_traceback(tmp_path: Path) -> None:
    for name, text in PROJECT_OF_ONE_MODEL.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    database = tmp_path / "small.duckdb"
    environment = os.environ | {
        "DUCKDB_PATH": str(database),
        "PYTHONPATH": str(ROOT),
        "DBT_PROFILES_DIR": str(tmp_path),
        "HOME": str(tmp_path),
        "DBT_TARGET_PATH": "~/left/here",
        "DBT_LOG_PATH": "~/told/here",
    }
    environment.pop("DBT_PROJECT_DIR", None)
    command = [sys.executable, "-m", "common.run_dbt", "--quiet", "build"]
    with duckdb.connect(str(database)):
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"dbt: {database} is open in ")
    assert f"(process {os.getpid()}" in line
    assert (tmp_path / "told" / "here" / "dbt.log").is_file()
    assert not (tmp_path / "~").exists()
