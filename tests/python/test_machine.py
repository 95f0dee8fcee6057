"""What a person's machine does to every command: `.env` in any form, pipes that close, outputs that aren't UTF-8."""

import errno
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from conftest import ROOT, Extract, Process, assert_failed_clearly, documents, run_folders, table_entries, write_zip
from hypothesis import example, given
from hypothesis import strategies as st

from benchmarks.generate import main as generate_main
from common.command import guarded, say
from common.errors import CommandError
from common.limits import limits
from common.settings import setting
from docsite.cli import main as docsite_main
from extract.cli import main as extract_main
from publish.cli import main as publish_main
from publish.connection import limited_connection
from publish.summary import main as summary_main
from seeds.check import main as seeds_main

MAINS: dict[str, Callable[[], int]] = {
    "extract": lambda: extract_main(["status"]),
    "extract --help": lambda: extract_main(["--help"]),
    "publish --help": lambda: publish_main(["--help"]),
    "docsite --help": lambda: docsite_main(["--help"]),
    "generate": lambda: generate_main(["--palettes", "1", "--out", "x.zip"]),
}

# .env

WRONG_FILES = [
    (b"\xff\xfeR\0A\0", ".env isn't UTF-8 but UTF-16: save it as UTF-8"),
    (b"\xfe\xff\0R\0A", ".env isn't UTF-8 but UTF-16: save it as UTF-8"),
    (b"R\0A\0W\0", ".env isn't UTF-8 but UTF-16: save it as UTF-8"),
    (b"A=1\n# caf\xe9\nRAW_DIR=x\n", ".env, line 2: byte 0xe9 isn't UTF-8, as comments have to be too"),
    (b"A=1\nRAW_DIR='x\n", ".env, line 2: it can't be read: write NAME=value"),
]


@pytest.mark.parametrize(("content", "said"), WRONG_FILES)
def test_an_env_file_that_cannot_be_read_is_named(extract: Extract, content: bytes, said: str) -> None:
    write_zip(Path("x.zip"), table_entries(t=documents("a")))
    Path(".env").write_bytes(content)
    before = sorted(Path().iterdir())
    result = extract("load", "x.zip")  # which asks for COMPACT_AFTER
    assert_failed_clearly(result)
    assert said in result.err
    assert sorted(Path().iterdir()) == before  # no raw zone of another name
    assert extract("status").code == 0  # a flag says where it is


@pytest.mark.parametrize("link", [None, "nowhere", ".env"])
def test_an_env_file_that_is_none_is_named_by_every_command(
    extract: Extract, capsys: pytest.CaptureFixture[str], link: str | None
) -> None:
    Path(".env").symlink_to(link) if link else Path(".env").mkdir()
    status, verify, site = (
        partial(extract_main, ["status"]),
        partial(publish_main, ["verify"]),
        partial(docsite_main, []),
    )
    for main in (status, verify, site, summary_main):
        assert guarded("x", main) == 1
        out, err = capsys.readouterr()
        assert ".env can't be read (" in err
        assert (out, err.count("\n")) == ("", 1)
        assert "SHOW_TRACEBACK" not in err
    assert guarded("x", partial(publish_main, ["--help"])) == 0
    assert guarded("x", partial(docsite_main, ["--help"])) == 0


@pytest.mark.usefixtures("extract")
def test_a_byte_order_mark_and_crlf_are_no_part_of_a_setting() -> None:
    Path(".env").write_bytes(b"\xef\xbb\xbfRAW_DIR=here\r\nCOMPACT_AFTER=\r\n")
    assert (setting("RAW_DIR"), setting("COMPACT_AFTER", "5")) == ("here", "5")


@pytest.mark.usefixtures("no_settings")
@given(st.one_of(st.binary(), st.text().map(str.encode), st.text().map(lambda text: f"RAW_DIR={text}".encode())))
@example(b"RAW_DIR")
@example(b"=")
def test_any_bytes_are_an_env_file_or_an_error_on_one_line(content: bytes) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("common.settings._content", lambda: content)
        try:
            said = setting("RAW_DIR", "data/raw") or ""
        except CommandError as error:
            said = str(error)
            assert said.startswith(".env")
    assert "\0" not in said


def test_make_hands_the_env_file_on_by_the_same_rule(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"\xef\xbb\xbfFROM_FILE='a b'\nSET=file\nEMPTY=file\nNOTHING=\n")
    command = [sys.executable, "-m", "common.with_env", sys.executable, "-c"]
    names = ["FROM_FILE", "SET", "EMPTY", "NOTHING"]
    command.append(f"import os; print([os.environ.get(name) for name in {names}])")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "SET": "environment", "EMPTY": ""}
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert run.stdout == "['a b', 'environment', 'file', None]\n"
    (tmp_path / ".env").write_bytes(b"# caf\xe9")
    failed = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (failed.returncode, failed.stdout, failed.stderr.count("\n")) == (1, "", 1)
    assert failed.stderr.startswith("with_env: .env, line 1: byte 0xe9")


# DuckDB's limits


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        *[("DUCKDB_MEMORY_LIMIT", value) for value in ("lots", "2", "80%", "99999999TB", "1e3", "x\ny")],
        *[
            ("DUCKDB_MEMORY_LIMIT", value)
            for value in ("-1", "-1GB", "none", "NONE", "null", "0GB", "1GB\n", "２GB", "3 k")
        ],
        *[("DUCKDB_THREADS", value) for value in ("many", "0", "-1", "2.5", "٣", "1025", "99999999999999999999")],
    ],
)
def test_a_wrong_limit_names_its_setting(
    extract: Extract, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(CommandError, match=f"{variable}=.* is no "), limited_connection(Path()):
        pass
    assert guarded("summary", summary_main) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(f"summary: {variable}=")


def test_a_limit_that_is_empty_is_unset_and_others_count(extract: Extract, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUCKDB_MEMORY_LIMIT", "")
    monkeypatch.setenv("DUCKDB_THREADS", "")
    assert limits("1GB") == {"memory_limit": "1GB"}
    monkeypatch.setenv("DUCKDB_MEMORY_LIMIT", "200 MB")
    monkeypatch.setenv("DUCKDB_THREADS", " 3 ")
    with limited_connection(Path()) as connection:
        row = connection.execute("select current_setting('memory_limit'), current_setting('threads')").fetchone()
    assert row == ("190.7 MiB", 3)


def test_what_folds_names_a_wrong_limit_too(extract: Extract, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b"):
        extract.load(write_zip(Path(f"{name}.zip"), table_entries(t=documents(name))))
    monkeypatch.setenv("DUCKDB_MEMORY_LIMIT", "lots")
    result = extract("compact")
    assert_failed_clearly(result)
    assert "DUCKDB_MEMORY_LIMIT=lots" in result.err
    assert len(run_folders(extract.raw)) == 2


# Streams


def closed_pipe() -> int:
    """Return the end of a pipe that nobody reads any more."""
    reader, writer = os.pipe()
    os.close(reader)
    return writer


@pytest.mark.parametrize("name", MAINS)
def test_whoever_reads_may_go(
    extract: Extract, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    with os.fdopen(closed_pipe(), "w") as nobody:
        monkeypatch.setattr("sys.stdout", nobody)
        assert guarded("x", MAINS[name]) == 1
    assert capsys.readouterr().err == ""


def test_a_reader_that_has_gone_is_no_word_in_a_process_either(process: Process) -> None:
    write_zip(process.cwd / "x.zip", table_entries(t=documents("a")))
    command = [sys.executable, "-m", "extract", "load", "x.zip", "--raw-dir", "raw"]
    done = subprocess.run(command, cwd=process.cwd, stdout=closed_pipe(), stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (1, b"")
    assert len(run_folders(process.cwd / "raw")) == 1  # what it did stands


def test_closed_streams_take_no_file_of_ours(process: Process) -> None:
    write_zip(process.cwd / "x.zip", table_entries(t=documents("a") + b"bad\n"))
    shell = f"exec {sys.executable} -m extract load x.zip --raw-dir raw <&- >&- 2>&-"
    assert subprocess.run(["sh", "-c", shell], cwd=process.cwd, check=False).returncode == 0
    (folder,) = run_folders(process.cwd / "raw")
    assert {path.name for path in folder.iterdir()} == {"run.json", "t.parquet", "_rejected.parquet"}


@pytest.mark.parametrize("name", ["extract", "generate", "publish --help"])
def test_a_full_disk_behind_stdout_is_one_line(
    extract: Extract, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123
        monkeypatch.setattr("sys.stdout", full)
        assert guarded("x", MAINS[name]) == 1
    err = capsys.readouterr().err
    assert os.strerror(errno.ENOSPC) in err
    assert err.count("\n") == 1


def test_what_the_encoding_does_not_know_is_an_escape(process: Process) -> None:
    write_zip(process.cwd / "é\udcff.zip", table_entries(t=documents("a")))
    command = [sys.executable, "-m", "extract", "load", "é\udcff.zip", "--raw-dir", "凉"]
    environment = os.environ | {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, cwd=process.cwd, env=environment, capture_output=True, check=True)
    assert done.stderr == b""
    assert rb" in \u51c9: 1 document" in done.stdout
    assert len(run_folders(process.cwd / "凉")) == 1


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8", "utf-16"])
def test_a_table_is_drawn_in_every_encoding(extract: Extract, monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    zone = Extract(extract.raw.with_name("é凉\U0001f600"), extract.capsys)
    zone.load(write_zip(Path("é\udcff.zip"), table_entries(t=documents("a"))))
    seen = []
    for arguments in (["status"], ["status", "--json"]):
        stream = io.BytesIO()
        monkeypatch.setattr("sys.stdout", io.TextIOWrapper(stream, encoding=encoding))
        assert zone(*arguments).code == 0
        seen.append(stream.getvalue().decode(encoding))
    assert r"\udcff.zip" in seen[0]
    state = json.loads(seen[1])
    assert (state["raw_dir"], state["runs"][0]["source"]["name"]) == (str(zone.raw), "é\udcff.zip")


# The last resort


def test_an_error_that_nobody_foresaw_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> int:
        raise KeyError("one\ntwo\x1b[31m\udcff" + "x" * 1000)

    monkeypatch.delenv("SHOW_TRACEBACK", raising=False)
    assert guarded("extract", fail) == 1
    out, err = capsys.readouterr()
    assert err.startswith(r"extract: KeyError: 'one\ntwo\x1b[31m")
    assert err.endswith("… (SHOW_TRACEBACK=1 shows where in the code it arose)\n")
    assert (out, err.count("\n")) == ("", 1)
    monkeypatch.setenv("SHOW_TRACEBACK", "1")
    assert guarded("extract", fail) == 1
    assert "Traceback (most recent call last)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (KeyboardInterrupt(), 1, "x: interrupted\n"),
        (SystemExit("why"), 1, "x: why\n"),
        (SystemExit(2), 2, ""),
        (SystemExit(), 0, ""),
        (MemoryError(), 1, "x: MemoryError (SHOW_TRACEBACK=1 shows where in the code it arose)\n"),
        (ModuleNotFoundError("", name="a"), 1, "x: there is no Python module a here: make env installs it\n"),
    ],
)
def test_each_end_has_its_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], raised: BaseException, code: int, said: str
) -> None:
    def fail() -> int:
        raise raised

    monkeypatch.delenv("SHOW_TRACEBACK", raising=False)
    assert guarded("x", fail) == code
    assert capsys.readouterr() == ("", said)


def test_nothing_fails_because_nobody_reads_what_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with os.fdopen(closed_pipe(), "w") as nobody:
        monkeypatch.setattr("sys.stderr", nobody)
        say("on it goes")
        assert guarded("x", lambda: 3) == 3


def test_every_command_begins_and_ends_in_the_same_way() -> None:
    folders = [ROOT / name for name in ("extract", "publish", "docsite", "governance", "common", "convex", "seeds")]
    modules = [path for folder in folders for path in folder.glob("*.py")] + [ROOT / "benchmarks" / "generate.py"]
    texts = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in modules}
    commands = {name for name, text in texts.items() if '__name__ == "__main__"' in text}
    assert commands >= {f"{folder.name}/__main__.py" for folder in folders[:4]} | {"seeds/check.py"}
    assert {name for name in commands if "sys.exit(guarded(" not in texts[name]} == set()


def test_the_seeds_check_is_quiet_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("seeds.check.SEEDS", tmp_path)
    (tmp_path / "seeds.yml").write_text("seeds: [{name: s, columns: [{name: a}]}]")
    (tmp_path / "s.csv").write_bytes(b"b\n")
    with os.fdopen(closed_pipe(), "w") as nobody:
        monkeypatch.setattr("sys.stderr", nobody)
        assert guarded("seeds/check.py", lambda: seeds_main([])) == 1
