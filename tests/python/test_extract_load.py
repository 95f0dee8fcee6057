"""A run: what it is made of, that it is whole or not there, and how much memory it takes."""

import hashlib
import json
import random
import signal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import (
    PATIENCE_SECONDS,
    Extract,
    Process,
    Result,
    assert_failed_clearly,
    documents,
    landed,
    rejected,
    rows,
    run_folders,
    table_entries,
    tree,
    write_zip,
)

from common.raw_zone import RawZone

ROW_COLUMNS = [
    ("_id", pa.string(), True),
    ("_creation_time", pa.float64(), True),
    ("_ts", pa.int64(), True),
    ("_op", pa.string(), False),
    ("_seq", pa.int64(), False),
    ("_run_id", pa.string(), False),
    ("document", pa.string(), True),
]
REJECTED_COLUMNS = [
    ("table", pa.string(), False),
    ("line_number", pa.int64(), False),
    ("part", pa.int32(), False),
    ("reason", pa.string(), False),
    ("raw", pa.binary(), False),
    ("_run_id", pa.string(), False),
]


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    entries = table_entries(empty=b"", palettes=documents("p1", "p2"), tags=documents("t1") + b"spoilt\n" + b"\n")
    return write_zip(tmp_path / "snapshot_happy-otter-123_1763895302123456789.zip", entries)


# What a run is made of


@pytest.mark.parametrize(("table", "columns"), [("tags", ROW_COLUMNS), ("_rejected", REJECTED_COLUMNS)])
def test_the_columns_of_the_files_are_those_of_the_design(
    extract: Extract, snapshot: Path, table: str, columns: list[tuple[str, pa.DataType, bool]]
) -> None:
    extract.load(snapshot)
    file = pq.ParquetFile(run_folders(extract.raw)[0] / f"{table}.parquet")
    assert [(field.name, field.type, field.nullable) for field in file.schema_arrow] == columns
    group = file.metadata.row_group(0)
    assert {group.column(n).compression for n in range(group.num_columns)} == {"ZSTD"}


def test_rows_are_numbered_across_tables_and_each_table_begins_with_a_truncate(
    extract: Extract, snapshot: Path
) -> None:
    run = extract.load(snapshot)
    by_table = [rows(extract.raw, table["name"]) for table in run["tables"]]
    assert [len(found) for found in by_table] == [1, 3, 2]
    assert [row["_seq"] for found in by_table for row in found] == list(range(6))
    for first, *others in by_table:
        assert first == dict.fromkeys(first) | {"_op": "truncate", "_seq": first["_seq"], "_run_id": run["run_id"]}
        for row in others:
            assert (row["_op"], row["_ts"], row["_run_id"]) == ("upsert", None, run["run_id"])


def test_a_run_says_what_it_holds(extract: Extract, snapshot: Path) -> None:
    printed = extract.load(snapshot)
    (folder,) = run_folders(extract.raw)
    run = json.loads((folder / "run.json").read_text())

    assert printed == run | {"rejected": 1}
    assert (run["run_id"], run["kind"], run["cursor"]) == (folder.name, "full", None)
    assert run["snapshot_ts"] == 1763895302123456789
    assert run["source"] == {"type": "zip", "name": snapshot.name, "bytes": snapshot.stat().st_size}
    assert run["started_at"] <= run["finished_at"]
    assert run["tool"].startswith("palette-analytics-extract/")
    assert {path.name for path in folder.iterdir()} == {"run.json", "_rejected.parquet"} | {
        table["file"] for table in run["tables"]
    }
    for table in run["tables"]:
        content = (folder / table["file"]).read_bytes()
        assert (table["bytes"], table["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
        lines = landed(extract.raw, table["name"])
        assert (table["rows"], table["document_bytes"]) == (len(lines), sum(map(len, lines)))
    assert {table["name"]: (table["rejected"], table["blank_lines"]) for table in run["tables"]} == {
        "empty": ({}, 0),
        "palettes": ({}, 0),
        "tags": ({"invalid_json": 1}, 1),
    }


def test_row_groups_hold_about_100_000_rows(extract: Extract) -> None:
    lines = [b'{"_id":"%06d"}' % n for n in range(250_000)]
    Path("t.jsonl").write_bytes(b"\n".join(lines))
    extract.load("t.jsonl")
    assert landed(extract.raw, "t") == lines
    metadata = pq.read_metadata(run_folders(extract.raw)[0] / "t.parquet")
    sizes = [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)]
    assert all(100_000 <= size < 170_000 for size in sizes[:-1])  # what is read at once isn't divided
    assert len(sizes) == 3


def test_documents_small_and_large_keep_their_order(extract: Extract) -> None:
    sizes = [10, 9_000_000, 10, 3_000_000, 9_000_000, 9_000_000, 10, 10]
    lines = [b'{"_id":"%d","x":"%s"}' % (n, b"x" * size) for n, size in enumerate(sizes)]
    Path("t.jsonl").write_bytes(b"\n".join(lines))
    extract.load("t.jsonl")
    assert landed(extract.raw, "t") == lines
    assert [row["_seq"] for row in rows(extract.raw, "t")] == list(range(9))


def test_many_spoilt_lines_are_all_set_aside(extract: Extract) -> None:
    lines = [b"spoilt %06d" % n for n in range(120_000)]
    Path("t.jsonl").write_bytes(b"\n".join(lines))
    assert extract.load("t.jsonl", "--lenient")["rejected"] == 120_000
    assert [(row["line_number"], row["raw"]) for row in rejected(extract.raw)] == list(enumerate(lines, 1))


# One run after the other


def test_runs_never_change(extract: Extract, snapshot: Path) -> None:
    extract.load(snapshot)
    (first,) = run_folders(extract.raw)
    before = tree(first)
    extract.load(snapshot)
    extract.fails("no such file")
    assert tree(first) == before
    assert len(run_folders(extract.raw)) == 2


def test_landing_the_same_again_changes_nothing_of_the_current_state(extract: Extract, snapshot: Path) -> None:
    extract.load(snapshot)
    once = json.loads(extract("status", "--json").out)
    extract.load(snapshot)
    twice = json.loads(extract("status", "--json").out)
    assert (once["run_count"], twice["run_count"]) == (1, 2)
    assert twice["current"] == once["current"] == {"empty": 0, "palettes": 2, "tags": 1}


def test_a_run_of_some_tables_leaves_the_others_as_they_were(extract: Extract, snapshot: Path, tmp_path: Path) -> None:
    extract.load(snapshot)
    extract.load(write_zip(tmp_path / "later.zip", table_entries(palettes=documents("p3"))))
    assert json.loads(extract("status", "--json").out)["current"] == {"empty": 0, "palettes": 1, "tags": 1}


@pytest.mark.parametrize("earlier", ["20990101T000000Z-000000", "20991231T235959Z-999999"])
def test_a_run_sorts_after_earlier_ones_even_if_the_clock_went_back(
    extract: Extract, snapshot: Path, earlier: str
) -> None:
    run_id = extract.load(snapshot)["run_id"]
    (folder,) = run_folders(extract.raw)
    folder.rename(extract.raw / earlier)
    run_file = extract.raw / earlier / "run.json"
    run_file.write_text(run_file.read_text().replace(run_id, earlier))

    ids = [extract.load(snapshot)["run_id"] for _ in range(3)]

    assert [earlier, *ids] == sorted({earlier, *ids})
    assert [folder.name for folder in run_folders(extract.raw)] == [earlier, *ids]


def test_runs_within_one_second_have_ids_of_their_own(extract: Extract, snapshot: Path) -> None:
    ids = [extract.load(snapshot)["run_id"] for _ in range(5)]
    assert ids == sorted(set(ids))


# Whole or not there


def test_strict_lands_nothing_and_names_the_first_spoilt_line(extract: Extract, snapshot: Path) -> None:
    error = extract.fails(snapshot, "--strict")
    assert "tags/documents.jsonl, line 2" in error
    assert "isn't JSON" in error


def test_strict_lands_what_has_no_spoilt_line(extract: Extract, snapshot: Path) -> None:
    assert extract.load(snapshot, "--strict", "--skip", "tags")["rejected"] == 0


def no_run_nor_leftovers(raw: Path) -> bool:
    return {path.name for path in raw.iterdir()} <= {".lock"}


@pytest.mark.parametrize(
    ("line", "limit"),
    [
        (b'{"_id":"%d","x":"%s"}\n', 2),
        (b'{"_id":"%d","x":"%s"}\n', 4_000_000),
        (b"spoilt %d %s\n", 3_000),
        (b"spoilt %d %s\n", 4_000_000),
    ],
)
def test_a_full_disk_is_one_clear_error(process: Process, line: bytes, limit: int) -> None:
    noise = random.Random(1)
    with (process.cwd / "t.jsonl").open("wb") as file:
        file.writelines(line % (n, noise.randbytes(500).hex().encode()) for n in range(20_000))
    result = process("load", "t.jsonl", file_limit=limit)
    assert_failed_clearly(result)
    assert "can't write to raw: " in result.err
    assert "File too large" in result.err
    assert no_run_nor_leftovers(process.cwd / "raw")


def test_a_disk_too_full_for_the_overrides_of_the_older_format_is_one_clear_error(process: Process) -> None:
    entries = {"t/documents.jsonl": documents("a")}
    overrides = b"".join(b'{"%064d":{"x":"int64"}}\n' % n for n in range(80_000))
    entries["t/generated_schema.jsonl"] = b'"{\\"x\\": int64 | string}"\n' + overrides
    write_zip(process.cwd / "x.zip", entries)
    result = process("load", "x.zip", file_limit=100_000)
    assert_failed_clearly(result)
    assert "can't write" in result.err
    assert no_run_nor_leftovers(process.cwd / "raw")


@pytest.mark.parametrize("place", ["a file", "below a file"])
def test_a_raw_zone_that_cannot_be_written_is_one_clear_error(process: Process, snapshot: Path, place: str) -> None:
    (process.cwd / "raw").write_bytes(b"mine") if place == "a file" else (process.cwd / "raw").symlink_to("t.zip/raw")
    (process.cwd / "t.zip").write_bytes(b"")
    result = process("load", snapshot)
    assert_failed_clearly(result)
    assert "can't write to raw" in result.err


def test_a_load_that_is_killed_leaves_no_run_and_the_next_cleans_up(
    process: Process, extract: Extract, big_file: Path, snapshot: Path
) -> None:
    with process.start("load", big_file) as child:
        process.wait_until_landing(child)
        child.kill()
    assert child.returncode == -signal.SIGKILL
    assert run_folders(extract.raw) == []
    assert list(extract.raw.glob(".incoming/*"))

    run = extract.load(snapshot)
    assert {path.name for path in extract.raw.iterdir()} == {".lock", run["run_id"]}


def test_a_load_that_is_interrupted_leaves_nothing(process: Process, big_file: Path) -> None:
    with process.start("load", big_file) as child:
        process.wait_until_landing(child)
        child.send_signal(signal.SIGINT)
        child.send_signal(signal.SIGCONT)
        out, err = child.communicate(timeout=PATIENCE_SECONDS)
    assert_failed_clearly(Result(child.returncode, out, err))
    assert "interrupted" in err
    assert no_run_nor_leftovers(process.cwd / "raw")


def test_a_second_load_at_the_same_time_fails_and_the_first_is_whole(
    process: Process, extract: Extract, big_file: Path, snapshot: Path
) -> None:
    with process.start("load", big_file, "--json") as child:
        process.wait_until_landing(child)
        result = extract("load", snapshot)
        assert_failed_clearly(result)
        assert "another process is writing" in result.err
        assert run_folders(extract.raw) == []
        child.send_signal(signal.SIGCONT)
        out, _ = child.communicate(timeout=PATIENCE_SECONDS)
    assert child.returncode == 0
    (table,) = json.loads(out)["tables"]
    (folder,) = run_folders(extract.raw)
    with big_file.open("rb") as file:
        assert pq.read_metadata(folder / "big.parquet").num_rows == 1 + sum(1 for _ in file) == 1 + table["rows"]
    extract.load(snapshot)
    assert len(run_folders(extract.raw)) == 2


# Memory


def test_300_mb_land_byte_for_byte_in_little_memory(process: Process, big_file: Path) -> None:
    content = big_file.read_bytes()
    file = process.cwd / "t.jsonl"
    with file.open("wb") as out:
        out.writelines([content] * 3)
    result = process("load", "t.jsonl")
    file.unlink()
    assert (result.code, result.err) == (0, "")
    assert process.peak_mb() < 400
    stored = hashlib.sha256()
    (folder,) = run_folders(process.cwd / "raw")
    for batch in pq.ParquetFile(folder / "t.parquet").iter_batches(columns=["document"]):
        stored.update("".join(batch["document"].drop_null().to_pylist()).encode())
    assert stored.digest() == hashlib.sha256(content.replace(b"\n", b"") * 3).digest()


@pytest.mark.parametrize(
    ("count", "end", "counts"),
    [
        pytest.param(20, b'"}\n', (20, 0), id="twenty documents"),
        pytest.param(6, b'\\ud800"}\r\n', (6, 0), id="documents that need care"),
        pytest.param(6, b'\xff"}\r\n', (0, 6), id="spoilt lines"),
    ],
)
def test_lines_of_30_mb_take_little_memory(process: Process, count: int, end: bytes, counts: tuple[int, int]) -> None:
    file = process.cwd / "t.jsonl"
    with file.open("wb") as out:
        for n in range(count):
            out.writelines([b'{"_id":"%02d","x":"' % n, "a🎨凉".encode() * 3_750_000, end])
    result = process("load", "t.jsonl", "--json", "--lenient")
    file.unlink()
    (table,) = json.loads(result.out)["tables"]
    assert (table["rows"], sum(table["rejected"].values())) == counts
    assert process.peak_mb() < 400


def test_a_run_whose_id_ends_in_something_else_is_seen_and_the_next_sorts_after_it(
    extract: Extract, tmp_path: Path
) -> None:
    (tmp_path / "t.jsonl").write_bytes(documents("a"))
    extract.load(tmp_path / "t.jsonl")
    (run,) = run_folders(extract.raw)
    run.rename(extract.raw / "29990101T000000Z-abc")
    extract.load(tmp_path / "t.jsonl")
    ids = [one.name for one in run_folders(extract.raw)]
    assert ids[0] == "29990101T000000Z-abc"
    assert RawZone(extract.raw).run_ids() == ids
