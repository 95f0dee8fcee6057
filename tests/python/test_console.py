"""`python -m publish console`: DuckDB's shell on a release."""

import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest
from conftest import PATIENCE_SECONDS, ROOT

from publish.cli import main

COMMAND = [sys.executable, "-m", "publish", "console"]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of releases: one of them, current, with a table, a view and a function."""
    directory = tmp_path_factory.mktemp("published")
    path = directory / "20261125T061644Z-0123456789ab"
    path.mkdir()
    with duckdb.connect(str(path / "palettes.duckdb")) as connection:
        connection.execute("""
            create table palettes as select 'x' as seed;
            comment on table palettes is 'One row per palette: \x1b[31mall. Not shown.';
            create view said as select 7 as votes;
            create macro top_tags(attribute := null, n := 5) as table select 1 as tag limit n;
        """)
    (directory / "current").symlink_to(path.name)
    return directory


def console(published: Path, sql: str, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PUBLISH_DIR": str(published)} | settings
    command = [*COMMAND, *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, input=sql, capture_output=True, text=True, check=False)


def test_sql_on_stdin_gives_its_result_and_nothing_else(published: Path) -> None:
    done = console(published, "select votes from said; from top_tags(n := 1);", "--", "-csv")
    assert (done.returncode, done.stdout, done.stderr) == (0, "votes\n7\ntag\n1\n", "")


def test_a_null_is_an_empty_cell_of_csv_and_nothing_of_the_home_directory_is_read(
    published: Path, tmp_path: Path
) -> None:
    (tmp_path / ".duckdbrc").write_text(".mode line\nselect 'it speaks' as rc;\n")
    sql = "select null as a, '' as b, 1 as c;"
    done = console(published, sql, "--", "--csv", HOME=str(tmp_path))
    assert (done.returncode, done.stdout, done.stderr) == (0, "a,b,c\n,,1\n", "")
    done = console(published, sql, HOME=str(tmp_path))
    assert (done.returncode, done.stderr, "it speaks" in done.stdout) == (0, "", False)
    done = console(published, sql, "--", "--csv", "-nullvalue", "none", HOME=str(tmp_path))
    assert done.stdout == "a,b,c\nnone,,1\n"


def test_a_file_that_is_no_database_is_told_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "release").mkdir()
    (tmp_path / "release" / "palettes.duckdb").write_bytes(b"no database" * 1000)
    assert main(["console", "--release", str(tmp_path / "release")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("run make build")


def test_what_is_published_is_never_written(published: Path) -> None:
    before = (published / "current" / "palettes.duckdb").read_bytes()
    for sql in ("insert into palettes values ('y')", "create table other as select 1", "drop view said"):
        done = console(published, sql)
        assert done.returncode != 0
        assert "read-only" in done.stderr
    assert (published / "current" / "palettes.duckdb").read_bytes() == before


def test_whoever_reads_may_go(published: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    environment = os.environ | {"PUBLISH_DIR": str(published)}
    command = [*COMMAND, "--", "-csv", "-c", "from range(1000000)"]
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=writer, stderr=subprocess.PIPE, check=False)
    assert done.returncode != 0
    assert done.stderr == b""


def test_the_release_is_resolved_once(published: Path) -> None:
    done = console(published, "select file from pragma_database_list where name = 'palettes'", "--", "-csv")
    assert done.stdout.split()[1].endswith("/20261125T061644Z-0123456789ab/palettes.duckdb")


def test_without_a_release_it_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--publish-dir", str(tmp_path), "console"]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "make build" in err


def test_a_person_is_greeted_with_tables_and_functions(published: Path) -> None:
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(ROOT)
        os.environ |= {"PUBLISH_DIR": str(published), "TERM": "dumb", "COLUMNS": "120", "NO_COLOR": "1"}
        os.execv(sys.executable, COMMAND)  # noqa: S606 - no shell of the system
    shown, end, asked = b"", time.monotonic() + PATIENCE_SECONDS, False
    while time.monotonic() < end:
        if select.select([terminal], [], [], 0.2)[0]:
            try:
                shown += os.read(terminal, 4096)
            except OSError:  # the shell has ended
                break
        if not asked and shown.endswith(b" D "):  # the prompt
            os.write(terminal, b"select 6 * 7;\r.quit\r")
            asked = True
    os.close(terminal)
    os.waitpid(process, 0)
    greeting = shown.split(b"read-only")[0].decode()
    for text in ("palettes", "One row per palette", "said", "top_tags(attribute, n)"):
        assert text in greeting
    assert "\x1b[31mall" not in greeting
    assert b"42" in shown
    assert re.findall(rb"\x1b\[[0-9;]+m", shown) in ([], [b"\x1b[00m"])
