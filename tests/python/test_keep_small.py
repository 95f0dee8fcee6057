"""Compacting by itself: however many runs land, few are active, and they say what all of them said."""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import Extract, documents, run_folders, table_entries, tree, write_zip
from hypothesis import given, settings
from hypothesis import strategies as st
from live import Live
from raw_zone_reader import Reader, State
from warehouse import Warehouse

from common.errors import CommandError
from common.manifest import SourceRun
from common.raw_zone import RunSummary, Source, SyncState, TableState, TableSummary
from convex.system_queries import TableLook
from convex.tables import TableName
from extract.compact import GROWTH, KEEP, compact, keep_small, newest_small
from extract.current import Current
from extract.documents import DOCUMENT_SCHEMA
from extract.landing import LandingZone
from extract.status import status
from extract.sync import _known
from publish.build import _refuse_unless_current

Change = tuple[Literal["upsert", "delete", "truncate"], str, str]
"""An operation, and where they matter the `_id` and the text."""
Changes = list[tuple[str, Change]]
"""Each with its table."""


def land(zone: LandingZone, changes: Changes) -> None:
    """Land changes as one run, in their order."""
    source, tables = Source("data_sync", "here"), {table for table, _ in changes}
    with zone.new_run(source, None, "incremental", allow_shrink=tables) as run:
        for table, (operation, key, text) in changes:
            writer = run.open_table(TableName.parse(table), "uniform")
            if operation == "truncate":
                writer.add_truncate()
                continue
            row = {"_id": key, "_creation_time": 1.0, "document": text if operation == "upsert" else None}
            place = run.next_sequence(1)
            writer.add_changes(
                pa.RecordBatch.from_pylist([row], DOCUMENT_SCHEMA),
                pa.array([operation]),
                pa.array([place], pa.int64()),
                pa.array([place], pa.int64()),
            )


def upserts(table: str, *keys: str) -> Changes:
    return [(table, ("upsert", key, f"text of {key}")) for key in keys]


def last_texts(raw: Path) -> State:
    """Return the last text of each document that was ever there, of each table."""
    texts: State = {}
    for folder in run_folders(raw):
        for path in sorted(folder.glob("[!_]*.parquet")):
            for row in sorted(pq.read_table(path, partitioning=None).to_pylist(), key=lambda row: row["_seq"]):
                if row["_op"] == "upsert":
                    texts.setdefault(path.stem, {})[row["_id"]] = row["document"]
    return texts


def everything(raw: Path) -> tuple[State, State]:
    return Reader(raw).state(), last_texts(raw)


def only_active(raw: Path, folder: Path) -> Path:
    """Copy the runs that stand to another zone."""
    for run in LandingZone(raw).active_runs():
        shutil.copytree(raw / run.run_id, folder / run.run_id)
    return folder


# What is said stays the same

KEYS = "abcd"
TABLES = ["palettes", "tags", "part.tags"]
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
operations = st.sampled_from(["upsert"] * 5 + ["delete"] * 5 + ["truncate"])
changes = st.tuples(st.sampled_from(TABLES), st.tuples(operations, st.sampled_from(KEYS), text))
LARGE: Changes = [
    (table, ("upsert", key, random.Random(key).randbytes(50_000).hex())) for table in TABLES for key in KEYS
]
"""What is rarely compacted, as it is large beside the runs after it."""


@settings(max_examples=20)
@given(
    runs=st.lists(st.lists(changes, min_size=1, max_size=5), min_size=1, max_size=10),
    after=st.integers(1, 4),
    sweeps=st.lists(st.booleans(), min_size=11, max_size=11),
    whole=st.sets(st.integers(0, 10), max_size=1),
)
def test_whatever_lands_the_runs_that_stand_say_what_all_of_them_said(
    runs: list[Changes], after: int, sweeps: list[bool], whole: set[int]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        plain, compacted = LandingZone(Path(folder, "plain")), LandingZone(Path(folder, "compacted"))
        for number, changes in enumerate([LARGE, *runs]):
            land(plain, changes)
            land(compacted, changes)
            stood = [run.run_id for run in compacted.active_runs()]
            keep = timedelta(0) if sweeps[number] else KEEP
            written = compact(compacted, keep) if number in whole else keep_small(compacted, after, keep)
            stand = [run.run_id for run in compacted.active_runs()]
            assert stand == ([*stood[: len(stand) - 1], written.run_id] if written else stood)
        wanted = everything(plain.directory)
        assert everything(compacted.directory) == wanted
        assert everything(only_active(compacted.directory, Path(folder, "active"))) == wanted
        counts = {str(name): len(texts) for name, texts in wanted[0].items()}
        assert {name: count for name, count in status(compacted).current.items() if count} == counts


# Which runs are compacted


def summary(number: int, size: int) -> RunSummary:
    table = TableSummary("t", "", "t", "uniform", bytes=size)
    return RunSummary(f"20260101T000000Z-{number:06}", "incremental", "", Source("zip", ""), None, tables=[table])


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=60))
def test_what_is_not_folded_is_large_beside_all_that_follows(sizes: list[int]) -> None:
    runs = [summary(number, size) for number, size in enumerate(sizes)]
    left = sizes[: len(sizes) - len(newest_small(runs))]
    for place, size in enumerate(left):
        assert size > GROWTH * sum(sizes[place + 1 :])
    assert len(left) <= 1 + 19  # as 3 ** 19 > 10 ** 9


def test_each_byte_is_written_again_a_few_times_only() -> None:
    sizes, written, most = [1_000_000_000], 0, 0
    for _ in range(20_000):
        sizes.append(20_000)
        if len(sizes) > 50:
            chosen = newest_small([summary(number, size) for number, size in enumerate(sizes)])
            total = sum(run.bytes for run in chosen)
            sizes[len(sizes) - len(chosen) :] = [total]
            written += total
        most = max(most, len(sizes))
    assert written < 8 * 20_000 * 20_000
    assert most == 50


# Crashes

KILLED = """
import os, signal, sys
from datetime import timedelta
from pathlib import Path
from extract.compact import keep_small
from extract.landing import LandingZone

left = int(sys.argv[2])

def count(event, _arguments):
    global left
    if event in {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "shutil.rmtree", "duckdb"}:
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

zone = LandingZone(Path(sys.argv[1]))
sys.addaudithook(count)
keep_small(zone, 3, timedelta(0))
print(-left)
"""


def test_whatever_moment_it_is_killed_at_the_same_is_visible(tmp_path: Path) -> None:
    zone = LandingZone(tmp_path / "raw")
    land(zone, upserts("palettes", *"abcdefgh"))
    for number in range(4):
        land(zone, [("palettes", ("delete", "ab"[number % 2], "")), *upserts("tags", str(number)), *upserts("u", "x")])
    land(zone, [("u", ("truncate", "", ""))])
    wanted = everything(zone.directory)

    def run_until(moment: int, raw: Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", KILLED, str(raw), str(moment)]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)

    steps = int(run_until(0, _copied(zone.directory, tmp_path / "whole")).stdout)
    assert len(run_folders(tmp_path / "whole")) < 6
    assert everything(tmp_path / "whole") == wanted
    seen = set()
    for moment in range(1, steps + 1, max(steps // 14, 1)):
        raw = _copied(zone.directory, tmp_path / f"killed{moment}")
        assert run_until(moment, raw).returncode == -9
        assert everything(raw) == wanted, moment
        assert everything(only_active(raw, tmp_path / f"active{moment}")) == wanted, moment
        seen.add(len(run_folders(raw)))
        land(LandingZone(raw), upserts("tags", "later"))  # what the crash left is in nobody's way
        assert Reader(raw).state()["tags"].keys() == {*"0123", "later"}
    assert len(seen) > 2  # before the compaction, after it, and between two deletions


def _copied(raw: Path, to: Path) -> Path:
    return Path(shutil.copytree(raw, to))


def deletions(zone: LandingZone) -> dict[str, int]:
    """How many have ever landed, by table."""
    counts: Counter[str] = Counter()
    for run in zone.active_runs():
        counts.update({table.name: table.landed_deletes for table in run.tables})
    return dict(counts)


def test_folding_keeps_how_many_deletions_landed_and_counts_nothing_else(tmp_path: Path) -> None:
    zone = LandingZone(tmp_path)
    large = ("palettes", ("upsert", "large", os.urandom(20_000).hex()))  # which isn't compacted with the small ones
    land(zone, [large, *upserts("palettes", *"abcdefgh")])
    land(zone, [("palettes", ("delete", name, "")) for name in "ab"] + upserts("tags", "x"))
    land(zone, [("palettes", ("delete", "c", "")), ("tags", ("truncate", "", ""))])
    land(zone, [("palettes", ("truncate", "", "")), *upserts("palettes", "d")])
    assert deletions(zone) == {"palettes": 3, "tags": 0}
    part = keep_small(zone, 2)
    assert part
    assert part.replaces_from
    assert deletions(zone) == {"palettes": 3, "tags": 0}
    for forget_deleted in (False, True):
        land(zone, [("palettes", ("delete", "d", "")), ("tags", ("delete", "x", ""))])
        land(zone, upserts("palettes", "d"))
        before = deletions(zone)
        whole = compact(zone, forget_deleted=forget_deleted)
        assert whole
        assert whole.forgets_deleted is forget_deleted
        assert deletions(zone) == before
    assert before == {"palettes": 5, "tags": 2}


# By itself


@pytest.fixture
def land_many(extract: Extract, tmp_path: Path) -> str:
    """A zone with four runs, and the path of an archive that lands next."""
    for name in "abcd":
        extract.load(write_zip(tmp_path / "x.zip", table_entries(palettes=documents(name))))
    return str(write_zip(tmp_path / "x.zip", table_entries(palettes=documents("e"))))


def test_what_lands_folds_small_runs_where_many_stand(extract: Extract, land_many: str) -> None:
    result = extract("load", land_many, "--compact-after", "4")
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines()[-1].startswith("compacted 5 runs into ")
    (active,) = LandingZone(extract.raw).active_runs()
    assert (active.kind, active.source.name) == ("full", "5 runs")
    assert len(run_folders(extract.raw)) == 6  # for builds that began before
    found = json.loads(extract("status", "--json").out)
    assert (found["run_count"], found["compacted_run_count"], found["current"]) == (1, 5, {"palettes": 1})


def test_json_stays_one_object(extract: Extract, land_many: str) -> None:
    result = extract("load", land_many, "--compact-after", "4", "--json")
    assert json.loads(result.out)["source"]["type"] == "zip"
    assert result.err.startswith("compacted 5 runs into ")


@pytest.mark.parametrize(("flag", "setting"), [("0", None), (None, "0"), ("5", "1"), (None, "5"), (None, None)])
def test_it_can_be_turned_off_or_put_off(
    extract: Extract, land_many: str, monkeypatch: pytest.MonkeyPatch, flag: str | None, setting: str | None
) -> None:
    if setting:
        monkeypatch.setenv("COMPACT_AFTER", setting)
    result = extract("load", land_many, *(["--compact-after", flag] if flag else []))
    assert (result.code, "compacted" in result.out) == (0, False)
    assert len(LandingZone(extract.raw).active_runs()) == 5


def test_what_is_no_number_is_refused_before_anything_lands(
    extract: Extract, land_many: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tree(extract.raw)
    assert extract("load", land_many, "--compact-after", "-1").code == 2
    monkeypatch.setenv("COMPACT_AFTER", "many")
    result = extract("load", land_many)
    assert (result.code, result.err.count("\n")) == (1, 1)
    assert "COMPACT_AFTER: many is no number of runs" in result.err
    assert tree(extract.raw) == before


def test_a_fold_that_fails_leaves_what_landed(extract: Extract, land_many: str) -> None:
    (run_folders(extract.raw)[0] / "palettes.parquet").write_bytes(b"PAR1")
    result = extract("load", land_many, "--compact-after", "4")
    assert (result.code, result.err.count("\n")) == (0, 1)
    assert "Nothing is lost" in result.err
    assert len(run_folders(extract.raw)) == 5


def test_where_another_process_writes_it_waits_for_the_next_landing(extract: Extract, land_many: str) -> None:
    extract("load", land_many)
    zone = LandingZone(extract.raw)
    with zone.lock():
        assert keep_small(zone, 4) is None
    assert keep_small(zone, 4) is not None


def test_a_sync_goes_on_after_runs_that_were_folded(live: Live) -> None:
    live.deployment.insert("palettes", *({"n": n, "t": random.Random(n).randbytes(1000).hex()} for n in range(50)))
    live.deployment.insert("tag_batches", {"n": 0})
    ids = live.deployment.insert("palette_tags", {"n": 1}, {"n": 2})
    live.sync("--compact-after", "3")
    for n in range(6):
        live.deployment.transaction([["replace", ids[0], {"n": n}]])
        live.sync("--compact-after", "3")
    kinds = [(run.source.type, run.kind) for run in LandingZone(live.raw).active_runs()]
    assert ("compact", "incremental") in kinds
    assert kinds[0] == ("data_sync", "full")
    assert len(kinds) <= 3
    live.deployment.transaction([["delete", ids[1]]])
    assert live.sync()["kind"] == "incremental"
    live.rests()


def test_a_table_that_did_not_change_is_not_read_again(live: Live) -> None:
    (oldest,) = live.deployment.insert("palettes", {"n": 1})
    live.deployment.insert("tag_batches", {"n": 0})
    live.sync()
    live.deployment.insert("palettes", {"n": 2})
    live.sync()
    (run_folders(live.raw)[0] / "tag_batches.parquet").write_bytes(b"not Parquet any more")
    live.deployment.insert("palettes", {"n": 3})
    run, _ = live.run("sync")
    assert run is not None
    assert run["sync"]["tables"]["tag_batches"]["documents"] == 1
    assert run["sync"]["tables"]["palettes"] == {"documents": 3, "oldest": oldest, "verified": True}


# Beside a build


def test_a_build_keeps_its_files_while_runs_are_folded_and_the_next_one_reads_the_folded(
    extract: Extract, tmp_path: Path
) -> None:
    for name in "abc":
        extract.load(write_zip(tmp_path / "x.zip", table_entries(palettes=documents(name) + b"bad\n")))
    warehouse = Warehouse(tmp_path)
    warehouse.raw_dir = extract.raw
    query = "select list(palette_id order by palette_id) from stg_convex__palettes"
    deleted = "select list(palette_id order by palette_id) from stg_convex__palettes_deleted"
    rejected = "select list(run_id order by run_id) from rejected_lines"
    models = ("--select", "stg_convex__palettes", "stg_convex__palettes_deleted", "+rejected_lines")
    warehouse.run("build", *models)
    before = [warehouse.rows(one) for one in (query, deleted, rejected)]
    assert before[:2] == [[(["c"],)], [(["a", "b"],)]]
    zone = LandingZone(extract.raw)
    built = [run.run_id for run in zone.runs()]
    assert keep_small(zone, 2) is not None
    assert [warehouse.rows(one) for one in (query, deleted, rejected)] == before  # from the files that it began with
    _refuse_unless_current(
        zone, [SourceRun(run_id, "full", None, "zip", "x.zip") for run_id in built], allow_stale=False
    )
    warehouse.run("build", *models)
    assert [warehouse.rows(one) for one in (query, deleted, rejected)] == before
    (compacted,) = zone.active_runs()
    assert warehouse.rows("select run_id, source_type from raw.build_runs") == [(compacted.run_id, "compact")]
    extract.load(write_zip(tmp_path / "x.zip", table_entries(palettes=documents("d"))))
    assert keep_small(zone, 1) is not None
    with pytest.raises(CommandError, match="after the build began"):
        _refuse_unless_current(
            zone, [SourceRun(compacted.run_id, "full", None, "compact", "3 runs")], allow_stale=False
        )


def test_what_is_forgotten_is_no_longer_what_was_built(extract: Extract, tmp_path: Path) -> None:
    for name in "ab":
        extract.load(write_zip(tmp_path / "x.zip", table_entries(palettes=documents(name))))
    zone = LandingZone(extract.raw)
    assert compact(zone) is not None
    assert compact(zone) is None
    built = [SourceRun(run.run_id, "full", None, "compact", "2 runs") for run in zone.active_runs()]
    assert compact(zone, forget_deleted=True) is not None
    assert last_texts(only_active(zone.directory, tmp_path / "active")).keys() == {"palettes"}
    assert last_texts(tmp_path / "active")["palettes"].keys() == {"b"}
    with pytest.raises(CommandError, match="after the build began"):
        _refuse_unless_current(zone, built, allow_stale=False)


@pytest.mark.parametrize(
    ("found", "looked", "answer"),
    [
        (TableState(2, "a"), TableLook(2, "a"), Current(2, True, "a")),
        (TableState(0, None), TableLook(0, None), Current(0, False, None)),
        (TableState(2, "a"), TableLook(2, "b"), None),
        (TableState(2), TableLook(2, "a"), None),
        (TableState(2), TableLook(0, None), None),
    ],
)
def test_what_was_counted_is_believed_only_while_the_oldest_document_is_the_same(
    found: TableState, looked: TableLook, answer: Current | None
) -> None:
    sync = SyncState("", "", "", 0, {}, [], [], {"t": found})
    assert _known(TableName("", "t"), sync, looked) == answer
    assert _known(TableName("", "other"), sync, looked) is None
    assert _known(TableName("", "t"), None, looked) is None
