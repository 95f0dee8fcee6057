"""The command line: what it prints and where, its exit codes, and `status`."""

import json
import os
import pty
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import (
    PATIENCE_SECONDS,
    ROOT,
    Extract,
    Process,
    assert_failed_clearly,
    documents,
    landed,
    run_folders,
    table_entries,
    write_encrypted_zip,
    write_zip,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from common.raw_zone import RunSummary, Source, TableSummary
from extract.landing import ROW_SCHEMA, LandingZone
from extract.status import status

PASSWORD = "s3cret-word"  # noqa: S105


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    return write_zip(tmp_path / "x.zip", table_entries(palettes=documents("p1", "p2"), tags=documents("t") + b"bad\n"))


# Exit codes and streams


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["lod"],
        ["load"],
        ["load", "a.zip", "b.zip"],
        ["load", "a.zip", "--onyl", "t"],
        ["load", "a.zip", "--only"],
        ["status", "x"],
    ],
)
def test_wrong_usage_is_exit_code_2(extract: Extract, tmp_path: Path, arguments: list[str]) -> None:
    result = extract(*arguments)
    assert (result.code, result.out) == (2, "")
    assert "usage:" in result.err
    assert list(tmp_path.iterdir()) == []


def test_the_exit_code_is_that_of_the_process(process: Process) -> None:
    for arguments, code in ([], 2), (["load", "nothing.zip"], 1), (["status"], 0):
        command = [sys.executable, "-m", "extract", *arguments]
        result = subprocess.run(command, cwd=process.cwd, capture_output=True, text=True)
        assert result.returncode == code
        assert "Traceback" not in result.stderr


def test_help_and_version_are_exit_code_0(extract: Extract) -> None:
    for arguments in (["--help"], ["--version"], ["load", "--help"], ["status", "--help"]):
        result = extract(*arguments)
        assert (result.code, result.err) == (0, "")
        assert result.out


def test_json_is_one_object_and_all_of_stdout(process: Process, snapshot: Path) -> None:
    loaded = process("load", snapshot, "--json")
    shown = process("status", "--json")
    assert [loaded.code, loaded.err, shown.code, shown.err] == [0, "", 0, ""]
    run, state = json.loads(loaded.out), json.loads(shown.out)
    assert state["runs"] == [run | {"bytes": sum(table["bytes"] for table in run["tables"])}]
    assert (state["run_count"], state["current"]) == (1, {"palettes": 2, "tags": 1})
    assert state["runs"][0]["rejected"] == 1
    assert 0 <= state["age_seconds"] < 60


@pytest.mark.parametrize("variable", ["FORCE_COLOR", "TTY_COMPATIBLE", "CLICOLOR_FORCE"])
def test_nothing_but_the_result_is_printed_where_no_terminal_is(
    process: Process, snapshot: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "1")
    result = process("load", snapshot)
    assert (result.code, result.err) == (0, "")
    assert "\x1b" not in result.out
    assert "3 documents of 2 tables" in result.out
    assert "set aside: 1 line" in result.out


def test_a_terminal_sees_how_far_it_is(process: Process, snapshot: Path) -> None:
    command = [sys.executable, "-m", "extract", "load", str(snapshot), "--raw-dir", "raw", "--json"]
    main_end, child_end = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color"}
    with subprocess.Popen(command, cwd=process.cwd, env=environment, stdout=subprocess.PIPE, stderr=child_end) as child:
        os.close(child_end)
        seen = b""
        while block := _read_terminal(main_end):
            seen += block
        out, _ = child.communicate(timeout=PATIENCE_SECONDS)
    os.close(main_end)
    assert child.returncode == 0
    assert b"palettes" in seen
    assert b"tags" in seen
    assert b"\x1b[" in seen
    assert {table["name"] for table in json.loads(out)["tables"]} == {"palettes", "tags"}


def _read_terminal(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # what Linux says when the other end is closed
        return b""


def test_no_secret_is_printed_or_written(process: Process) -> None:
    write_encrypted_zip(process.cwd / "x.zip", table_entries(t=documents("a")), PASSWORD.encode())
    wrong = PASSWORD[::-1]
    failed = process("load", "x.zip", EXPORT_ZIP_PASSWORD=wrong)
    assert_failed_clearly(failed)
    assert wrong not in failed.err
    done = process("load", "x.zip", EXPORT_ZIP_PASSWORD=PASSWORD)
    assert done.code == 0
    (folder,) = run_folders(process.cwd / "raw")
    assert PASSWORD not in done.out + done.err + (folder / "run.json").read_text()


def test_an_error_is_one_line_and_no_traceback(process: Process) -> None:
    result = process("load", "nothing.zip")
    assert_failed_clearly(result)
    assert "nothing.zip doesn't exist" in result.err


# Settings


def test_the_raw_zone_is_that_of_the_flag_else_the_environment_else_the_env_file(
    process: Process, snapshot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(process.cwd)
    Path(".env").write_text("RAW_DIR=from_file\n")

    def load_with(*arguments: str, **environment: str) -> None:
        command = [sys.executable, "-m", "extract", "load", str(snapshot), *arguments]
        subprocess.run(command, env={**os.environ, **environment}, capture_output=True, check=True)

    load_with()
    load_with(RAW_DIR="from_environment")
    load_with("--raw-dir", "from_flag", RAW_DIR="from_environment")
    Path(".env").unlink()
    load_with(RAW_DIR="")
    zones = {name: len(LandingZone(Path(name)).run_ids()) for name in ("from_file", "from_environment", "from_flag")}
    assert zones == {"from_file": 1, "from_environment": 1, "from_flag": 1}
    assert len(LandingZone(Path("data/raw")).run_ids()) == 1


def test_if_empty_lands_once(extract: Extract, snapshot: Path) -> None:
    assert extract("load", snapshot, "--if-empty").code == 0
    assert extract("load", snapshot, "--if-empty").code == 0
    assert len(run_folders(extract.raw)) == 1
    assert extract("load", "nothing.zip", "--if-empty").code == 0


# Status


def test_an_empty_zone_has_a_status(extract: Extract) -> None:
    state = json.loads(extract("status", "--json").out)
    assert state == {
        "raw_dir": str(extract.raw),
        "run_count": 0,
        "compacted_run_count": 0,
        "age_seconds": None,
        "current": {},
        "sync": None,
        "unfinished_sync": None,
        "runs": [],
    }
    assert extract("status").code == 0
    assert not extract.raw.exists()


@pytest.mark.parametrize("width", [20, 60, 80, 400])
def test_status_cuts_no_number_and_no_name_whatever_the_width(
    extract: Extract, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    lines = documents(*(f"p{n}" for n in range(1234))) + b"bad\n"
    run = extract.load(write_zip(tmp_path / f"{'long-' * 30}.zip", table_entries(palettes=lines)))
    result = extract("status")
    assert (result.code, result.err) == (0, "")
    header, row, *_ = result.out.splitlines()
    assert header.split() == ["run", "kind", "tables", "documents", "bytes", "set", "aside", "source"]
    size = f"{run['tables'][0]['bytes'] / 1000:.1f}"
    assert row.split() == [run["run_id"], "full", "1", "1,234", size, "kB", "1", "zip", f"{'long-' * 30}.zip"]
    assert [line.split() for line in result.out.splitlines() if line.startswith("palettes")] == [["palettes", "1,234"]]
    assert result.out.isascii()


def test_status_tells_what_it_is_for(extract: Extract) -> None:
    told = extract("status", "--help").out
    assert "how many documents each table has" in told
    assert "Raises" not in told


def test_what_is_left_out_is_told_with_the_reason(extract: Extract, tmp_path: Path) -> None:
    path = write_zip(tmp_path / "x.zip", table_entries(palettes=documents("p"), palette_tag_consensus=documents("c")))
    told = extract("load", path).out
    assert "left out: palette_tag_consensus (not followed, skipped, or written by this project; --only TABLE" in told


def test_status_takes_names_as_they_are(extract: Extract, tmp_path: Path) -> None:
    Path("[bold]t.jsonl").write_bytes(documents("a"))
    for folder in ("a[b]*?", "a[/b]c", "[red]", "it's"):
        zone = Extract(tmp_path / folder / "raw", extract.capsys)
        assert zone("status").code == 0
        zone.load("[bold]t.jsonl", "--table", "t")
        assert json.loads(zone("status", "--json").out)["current"] == {"t": 1}
        assert landed(zone.raw, "t") == documents("a").splitlines()
        assert zone("status").code == 0


@pytest.mark.parametrize("content", ["", "3", "[]", "{}", '{"tables": 3}', '{"run_id": "x", "tables": []}'])
def test_a_run_that_cannot_be_read_is_one_clear_error(extract: Extract, snapshot: Path, content: str) -> None:
    extract.load(snapshot)
    (folder,) = run_folders(extract.raw)
    (folder / "run.json").write_text(content)
    result = extract("status")
    assert_failed_clearly(result)
    assert "run.json can't be read" in result.err


@pytest.mark.parametrize("content", [None, b"", b"PAR1 but not so"])
def test_a_file_of_a_run_that_cannot_be_read_is_one_clear_error(
    extract: Extract, snapshot: Path, content: bytes | None
) -> None:
    extract.load(snapshot)
    file = run_folders(extract.raw)[0] / "tags.parquet"
    file.unlink() if content is None else file.write_bytes(content)
    result = extract("status")
    assert_failed_clearly(result)
    assert "tags" in result.err


Change = tuple[str, str | None]


def write_run(raw: Path, number: int, changes: Sequence[Change]) -> None:
    """Write a run by hand, as another tool would that follows the design."""
    run_id = f"2026010{number}T000000Z-000000"
    folder = raw / run_id
    folder.mkdir(parents=True)
    lines = [
        {
            "_id": document_id,
            "_creation_time": 1.5,
            "_op": operation,
            "_seq": sequence,
            "_run_id": run_id,
            "document": f'{{"_id":"{document_id}"}}' if operation == "upsert" else None,
        }
        for sequence, (operation, document_id) in enumerate(changes)
    ]
    pq.write_table(pa.Table.from_pylist(lines, ROW_SCHEMA), folder / "t.parquet")
    finished = datetime.now(UTC) - timedelta(days=1)
    table = TableSummary("t", "", "t", "uniform", rows=len(changes), file="t.parquet")
    source = Source("zip", "x")
    run = RunSummary(run_id, "full", finished.isoformat(), source, None, finished.isoformat(), tables=[table])
    (folder / "run.json").write_text(json.dumps(msgspec.to_builtins(run)))


def test_the_current_state_honours_deletes_and_truncates(tmp_path: Path) -> None:
    zone = LandingZone(tmp_path)
    steps: list[tuple[list[Change], int]] = [
        ([("upsert", "early"), ("truncate", None), ("upsert", "a"), ("upsert", "b"), ("upsert", "c")], 3),
        ([("upsert", "d"), ("delete", "a"), ("upsert", "b"), ("delete", "no such")], 3),
        ([("upsert", "a"), ("delete", "b"), ("upsert", "b")], 4),
        ([], 4),
        ([("delete", "c"), ("truncate", None), ("upsert", "e"), ("upsert", "e")], 1),
        ([("truncate", None)], 0),
        ([("upsert", "f")], 1),
    ]
    for number, (changes, expected) in enumerate(steps, 1):
        write_run(tmp_path, number, changes)
        assert status(zone).current == {"t": expected}
    age = status(zone).age_seconds
    assert age is not None
    assert 86_400 <= age < 86_460


changes = st.tuples(st.sampled_from(["upsert", "upsert", "delete"]), st.sampled_from(["a", "b", "c"])) | st.just(
    ("truncate", None)
)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.lists(changes, max_size=6), min_size=1, max_size=4))
def test_the_current_state_is_what_applying_every_change_gives(runs: list[list[Change]]) -> None:
    alive: set[str | None] = set()
    for operation, document_id in (change for run in runs for change in run):
        if operation == "truncate":
            alive.clear()
        elif operation == "upsert":
            alive.add(document_id)
        else:
            alive.discard(document_id)
    with tempfile.TemporaryDirectory() as folder:
        for number, run in enumerate(runs, 1):
            write_run(Path(folder), number, run)
        assert status(LandingZone(Path(folder))).current == {"t": len(alive)}


def test_nothing_that_is_being_written_is_seen(extract: Extract, snapshot: Path) -> None:
    run = extract.load(snapshot)
    write_run(extract.raw / ".incoming", 9, [("upsert", "x")])
    (extract.raw / "20990101T000000Z-000000").mkdir()  # without a run.json
    state = json.loads(extract("status", "--json").out)
    assert [found["run_id"] for found in state["runs"]] == [run["run_id"]]
    assert state["current"] == {"palettes": 2, "tags": 1}


def test_the_module_runs_from_the_root_of_the_project(tmp_path: Path, snapshot: Path) -> None:
    command = [sys.executable, "-m", "extract", "load", str(snapshot), "--raw-dir", str(tmp_path / "raw")]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    assert len(run_folders(tmp_path / "raw")) == 1
