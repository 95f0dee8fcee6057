"""The raw zone: immutable runs of Parquet files, each made visible by one atomic rename.

<raw_dir>/<run_id>/<table>.parquet                  rows in the order of arrival
<raw_dir>/<run_id>/<component>.<table>.parquet      outside the root component
<raw_dir>/<run_id>/_rejected.parquet                lines that were set aside, with their bytes
<raw_dir>/<run_id>/run.json                         what the run holds; the newest one is the zone's state
<raw_dir>/.incoming/<run_id>/                       a run being written; nobody reads it
<raw_dir>/.lock                                     held by the one process that writes a run
<raw_dir>/.live.lock                                held by the one process that reads a deployment
<raw_dir>/.syncing/                                 what a sync has received and not landed yet, see `extract.journal`
<raw_dir>/.downloads/                               a snapshot on its way
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import sqlite3
from collections import Counter
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

from extract import __version__
from extract.documents import DOCUMENT_SCHEMA, Reason, as_binaries
from extract.errors import ExtractError

RUN_FILE = "run.json"
LIVE_LOCK = ".live.lock"
REJECTED_FILE = "_rejected.parquet"
ROW_GROUP_ROWS = 100_000
ROW_GROUP_BYTES = 64 * 1024 * 1024
LARGE_BYTES = 8 * 1024 * 1024
"""Lines of more than this, a thousand times what is usual, are written before the next is read, to save memory."""

ROW_SCHEMA = pa.schema(
    [
        pa.field("_id", pa.string()),
        pa.field("_creation_time", pa.float64()),
        pa.field("_ts", pa.int64()),
        pa.field("_op", pa.string(), nullable=False),
        pa.field("_seq", pa.int64(), nullable=False),
        pa.field("_run_id", pa.string(), nullable=False),
        pa.field("document", pa.string()),
    ]
)
REJECTED_SCHEMA = pa.schema(
    [
        pa.field("table", pa.string(), nullable=False),
        pa.field("line_number", pa.int64(), nullable=False),
        pa.field("part", pa.int32(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("raw", pa.binary(), nullable=False),
        pa.field("_run_id", pa.string(), nullable=False),
    ]
)

DEPLOYMENT_SOURCES = frozenset({"snapshot", "data_sync", "streaming_export"})
"""The types of `source` whose name is a deployment's address; that of others is a file's."""
_SNAPSHOT_NAME = re.compile(r"snapshot_(.+)_\d{18,19}(?: \(\d+\))?\.zip")
"""The name that Convex gives to a download: that of the deployment, and the time of the snapshot."""
_RUN_ID = re.compile(r"(\d{8}T\d{6})Z-(\d{6})?")
_TABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_COMPONENT = re.compile(r"(?=.*[A-Za-z0-9])[A-Za-z0-9_.]{1,64}")


@dataclass(frozen=True, order=True)
class TableName:
    """A Convex table: component path (`""` for the root, `a/b` for a component in a component) and table name."""

    component: str
    table: str

    def __post_init__(self) -> None:
        parts = self.component.split("/") if self.component else []
        is_valid = _TABLE.fullmatch(self.table) and f"{self.table}.parquet" != REJECTED_FILE
        if not is_valid or not all(_COMPONENT.fullmatch(part) for part in parts):
            raise ValueError(f"{self.component}/{self.table} can't be the name of a Convex table")

    @classmethod
    def parse(cls, text: str) -> "TableName":
        """Read what `str` writes. Raises ValueError if it is no name of a table."""
        component, _, table = text.rpartition(".")
        return cls(component.replace(".", "/").replace("%2E", "."), table)

    def __str__(self) -> str:
        """Return `table`, or `component.table`; a dot inside a component's own name is written `%2E`."""
        parts = self.component.split("/") if self.component else []
        return ".".join([*(part.replace(".", "%2E") for part in parts), self.table])


@dataclass
class TableSummary:
    """What a run holds of one table. `bytes` and `sha256` are those of the Parquet file."""

    name: str
    component: str
    table: str
    format: str
    rows: int = 0
    deletes: int = 0
    deletes_so_far: int | None = None
    """Of a folded run: the deletions that landed in the runs that it stands for, whatever it still has of them."""
    document_bytes: int = 0
    blank_lines: int = 0
    rejected: dict[Reason, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    file: str = ""
    bytes: int = 0
    sha256: str = ""

    @property
    def landed_deletes(self) -> int:
        """The deletions that landed in the run, or in the runs that it stands for."""
        return self.deletes if self.deletes_so_far is None else self.deletes_so_far


@dataclass
class RunSummary:
    """The content of `run.json`."""

    run_id: str
    kind: Literal["full", "incremental"]
    started_at: str
    source: dict[str, Any]
    snapshot_ts: int | None
    """Time of the snapshot in nanoseconds since 1970, where it is known."""
    finished_at: str = ""
    tool: str = f"palette-analytics-extract/{__version__}"
    cursor: str | None = None
    """Where the next sync goes on; None where it can't."""
    sync: dict[str, Any] | None = None
    """What else the next sync has to know, see `extract.sync`."""
    tables: list[TableSummary] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def rejected(self) -> int:
        """Number of lines set aside in all tables."""
        return sum(sum(table.rejected.values()) for table in self.tables)

    @property
    def bytes(self) -> int:
        """Bytes of the tables' files."""
        return sum(table.bytes for table in self.tables)

    @property
    def is_sample(self) -> bool:
        """Tell whether made-up data landed in the run, or in one that it stands for: see `extract.sample`."""
        return bool(self.source.get("sample"))

    @property
    def origin(self) -> str:
        """Where the newest of its data came from: the name of a deployment, else its host and port, else `file`."""
        if self.is_folded:
            place = self.source.get("origin") or urlsplit((self.sync or {}).get("url", "")).netloc
        elif self.source["type"] in DEPLOYMENT_SOURCES:
            place = str(self.source.get("name", ""))
        else:
            found = _SNAPSHOT_NAME.fullmatch(str(self.source.get("name", "")))
            place = found[1] if found else ""
        place = place.lower()
        return (place.split(".")[0] if place.endswith(".convex.cloud") else place) or "file"

    @property
    def is_folded(self) -> bool:
        """Tell whether the run was folded from others, see `extract.compact`."""
        return self.source["type"] == "compact"

    @property
    def forgets_deleted(self) -> bool:
        """Tell whether the deleted documents of the runs that it stands for are gone, see `extract.compact`."""
        return self.is_folded and "last" not in self.source

    @property
    def stands_from(self) -> str:
        """The first of the runs that this one stands for, up to itself. Empty: it stands for all before it."""
        return self.source.get("first", "") if self.is_folded else self.run_id

    @property
    def stands_to(self) -> str:
        """The run whose state this one leaves: itself, or the last one that landed of those that it stands for."""
        return self.source.get("last", self.run_id) if self.is_folded else self.run_id

    @classmethod
    def from_json(cls, text: str) -> "RunSummary":
        """Read a `run.json`. Raises ValueError, KeyError or TypeError if it isn't one."""
        content = json.loads(text)
        tables = [TableSummary(**table) for table in content.pop("tables")]
        summary = cls(**content, tables=tables)
        datetime.fromisoformat(summary.finished_at)
        return summary


class ZoneBusy(ExtractError):
    """Another process holds the lock."""


class RawZone:
    """The directory that holds the runs."""

    def __init__(self, directory: Path):
        self.directory = directory

    def run_ids(self) -> list[str]:
        """Return the ids of the visible runs, oldest first."""
        if not self.directory.is_dir():
            return []
        names = (path.parent.name for path in self.directory.glob(f"*/{RUN_FILE}"))
        return sorted(name for name in names if _RUN_ID.match(name))

    def runs(self) -> list[RunSummary]:
        """Return the summaries of the visible runs, oldest first. Raises ExtractError if one can't be read."""
        return self.summaries(self.run_ids())

    def summaries(self, run_ids: Iterable[str]) -> list[RunSummary]:
        """Return the summaries of these runs, without those that are gone. Raises ExtractError if one can't be read."""
        summaries = []
        for run_id in run_ids:
            try:
                summaries.append(self._summary(run_id))
            except ExtractError:
                if (self.directory / run_id).exists():
                    raise  # otherwise it was folded and deleted just now
        return summaries

    def standing_runs(self) -> list[RunSummary]:
        """Return the summaries of the runs that no later one stands for, oldest first: the state is what they say.

        Those that were folded aren't even read. Raises ExtractError if one can't be read.
        """
        while True:
            standing: list[RunSummary] = []
            try:
                for run_id in reversed(self.run_ids()):
                    if not standing or run_id < standing[-1].stands_from:
                        standing.append(self._summary(run_id))
            except ExtractError:
                if (self.directory / run_id).exists():
                    raise
                continue  # it was folded and deleted just now: what stands for it is there
            return standing[::-1]

    def files(self, runs: Iterable[RunSummary]) -> dict[TableName, list[Path]]:
        """Return the files of each table in these runs, in their order."""
        files: dict[TableName, list[Path]] = {}
        for run in runs:
            for table in run.tables:
                name = TableName(table.component, table.table)
                files.setdefault(name, []).append(self.directory / run.run_id / table.file)
        return files

    def _summary(self, run_id: str) -> RunSummary:
        path = self.directory / run_id / RUN_FILE
        try:
            return RunSummary.from_json(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ExtractError(f"{path} can't be read ({error}): restore it, or delete the run's folder") from error

    def newest(self) -> RunSummary | None:
        """Return the newest visible run's summary. Raises ExtractError if it can't be read."""
        run_ids = self.run_ids()
        return self._summary(run_ids[-1]) if run_ids else None

    def delete(self, run_id: str) -> None:
        """Delete a run, which is invisible from the first moment. The zone's lock has to be held."""
        incoming = self.directory / ".incoming"
        incoming.mkdir(exist_ok=True)
        (self.directory / run_id).rename(incoming / run_id)
        shutil.rmtree(incoming, ignore_errors=True)

    @contextmanager
    def new_run(
        self,
        source: dict[str, Any],
        snapshot_ts: int | None,
        kind: Literal["full", "incremental"] = "full",
        waits: bool = False,
    ) -> Generator["RunWriter"]:
        """Write a run: visible when the block ends, gone without a trace when it raises.

        Raises ExtractError if the disk refuses, and ZoneBusy if another process is writing to the zone; with `waits`,
        waits until that one is done.
        """
        with self.lock(waits=waits):
            incoming = self.directory / ".incoming"
            shutil.rmtree(incoming, ignore_errors=True)  # nobody else writes, so it is what a crash left
            started_at = datetime.now(UTC)
            run_id = self._next_run_id(started_at)
            summary = RunSummary(run_id, kind, started_at.isoformat(), source, snapshot_ts)
            directory = incoming / run_id
            try:
                directory.mkdir(parents=True)
                writer = RunWriter(directory, summary)
                try:
                    yield writer
                finally:
                    writer.close()
                writer.finish()
                sync_to_disk(directory)
                directory.rename(self.directory / run_id)
                sync_to_disk(self.directory)
            except (OSError, sqlite3.Error) as error:
                reason = error.strerror if isinstance(error, OSError) and error.strerror else error
                raise ExtractError(
                    f"can't write to {self.directory}: {reason}. Nothing was landed; free some space, "
                    "or choose another place with RAW_DIR, and run the command again"
                ) from error
            finally:
                shutil.rmtree(incoming, ignore_errors=True)

    @contextmanager
    def lock(self, name: str = ".lock", waits: bool = False) -> Generator[None]:
        """Hold one of the zone's locks. The system lets go of it when the process ends, however that happens.

        Raises ZoneBusy if another process holds it, unless `waits`.
        """
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            file = (self.directory / name).open("a+")
        except OSError as error:
            raise ExtractError(f"can't write to {self.directory}: {error.strerror}; set RAW_DIR") from error
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
            except OSError as error:
                raise ZoneBusy(
                    f"another process is writing to {self.directory}: wait until it is done, then try again"
                ) from error
            yield

    def _next_run_id(self, now: datetime) -> str:
        """Return an id that sorts after every visible run, even where the clock went back."""
        stamps = [_stamp(run_id) for run_id in self.run_ids()]
        moment = max([now, *(stamp + timedelta(microseconds=1) for stamp in stamps if stamp)])
        return moment.strftime("%Y%m%dT%H%M%SZ-%f")


class RunWriter:
    """Writes the tables of one run. `_seq` counts the run's rows across tables, from 0."""

    def __init__(self, directory: Path, summary: RunSummary):
        self.directory = directory
        self.summary = summary
        self._sequence = 0
        self._open: dict[TableName, TableWriter] = {}
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="parquet")
        self._rejected: list[dict[str, Any]] = []
        self._rejected_bytes = 0
        self._rejected_writer: pq.ParquetWriter | None = None

    @contextmanager
    def table(self, name: TableName, table_format: str) -> Generator["TableWriter"]:
        """Write one table. It begins with a `truncate` row, since a full run carries the whole table."""
        writer = self.open_table(name, table_format)
        try:
            writer.add_truncate()
            yield writer
        finally:
            writer.close()

    def open_table(self, name: TableName, table_format: str) -> "TableWriter":
        """Return the writer of a table, the same one each time. `finish_tables` closes it."""
        if name not in self._open:
            summary = TableSummary(str(name), name.component, name.table, table_format, file=f"{name}.parquet")
            self._open[name] = TableWriter(self, summary)
        return self._open[name]

    def finish_tables(self) -> None:
        """Close the files of the tables, so that they can be read, and enter them in the summary."""
        for writer in self._open.values():
            writer.close()
            summary = writer.summary
            summary.bytes, summary.sha256 = fingerprint(self.directory / summary.file)
            self.summary.tables.append(summary)
        self._open = {}

    def next_sequence(self, count: int) -> int:
        """Reserve `count` numbers and return the first."""
        first = self._sequence
        self._sequence += count
        return first

    def submit(self, writer: pq.ParquetWriter, rows: pa.Table) -> Future[None]:
        """Write a row group in the background."""
        return self._pool.submit(writer.write_table, rows, row_group_size=max(rows.num_rows, 1))

    def reject(self, table: str, line_number: int, part: int, reason: Reason, raw: bytes) -> None:
        """Set a line, or a part of one, aside."""
        if self._rejected and self._rejected_bytes + len(raw) >= LARGE_BYTES:
            self._flush_rejected()
        row = {"table": table, "line_number": line_number, "part": part, "reason": reason, "raw": raw}
        self._rejected.append(row | {"_run_id": self.summary.run_id})
        self._rejected_bytes += len(raw)
        if len(self._rejected) >= ROW_GROUP_ROWS or self._rejected_bytes >= LARGE_BYTES:
            self._flush_rejected()

    def carry_rejected(self, path: Path) -> None:
        """Take over what another run has set aside."""
        with pq.ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                self._write_rejected(file.read_row_group(group))

    def _flush_rejected(self) -> None:
        raws = as_binaries([row.pop("raw") for row in self._rejected])
        others = pa.schema([field for field in REJECTED_SCHEMA if field.name != "raw"])
        rows = pa.Table.from_pylist(self._rejected, others).append_column(REJECTED_SCHEMA.field("raw"), raws)
        self._write_rejected(rows)
        self._rejected, self._rejected_bytes = [], 0

    def _write_rejected(self, rows: pa.Table) -> None:
        if self._rejected_writer is None:
            path = self.directory / REJECTED_FILE
            self._rejected_writer = pq.ParquetWriter(
                path,
                REJECTED_SCHEMA,
                compression="zstd",
                use_dictionary=["table", "reason", "_run_id"],
                write_statistics=["table", "line_number", "reason"],
            )
        self._rejected_writer.write_table(rows.select(REJECTED_SCHEMA.names))

    def close(self) -> None:
        """Stop the background thread, and let go of the files."""
        try:
            for writer in self._open.values():
                writer.close()
        finally:
            self._pool.shutdown(cancel_futures=True)

    def finish(self) -> None:
        """Write what is still to write, last of all `run.json`."""
        self._flush_rejected()
        if self._rejected_writer is not None:
            self._rejected_writer.close()
        self.finish_tables()
        self.summary.finished_at = datetime.now(UTC).isoformat()
        content = json.dumps(asdict(self.summary), ensure_ascii=False, indent=2)
        (self.directory / RUN_FILE).write_bytes(f"{content}\n".encode(errors="backslashreplace"))
        for path in self.directory.iterdir():
            sync_to_disk(path)


class TableWriter:
    """Gathers the rows of one table into row groups, and compresses one while the next is read."""

    def __init__(self, run: RunWriter, summary: TableSummary):
        self.summary = summary
        self.first_rejected_line: int | None = None
        self._run = run
        self._writer = pq.ParquetWriter(
            run.directory / summary.file,
            ROW_SCHEMA,
            compression="zstd",
            use_dictionary=["_op", "_run_id"],
            write_statistics=["_seq", "_ts", "_creation_time"],
        )
        self._pending: Future[None] | None = None
        self._parts: list[pa.RecordBatch] = []
        self._rows = 0
        self._bytes = 0

    def add_truncate(self) -> None:
        """Say that what earlier runs hold of the table no longer counts."""
        self._add_all(pa.RecordBatch.from_pylist([{}], DOCUMENT_SCHEMA), "truncate")

    def add_documents(self, documents: pa.RecordBatch) -> None:
        """Add documents (columns of `DOCUMENT_SCHEMA`) in their order of arrival."""
        self.summary.rows += len(documents)
        self._add_all(documents, "upsert")

    def add_changes(
        self, documents: pa.RecordBatch, operations: pa.StringArray, times: pa.Int64Array, sequences: pa.Int64Array
    ) -> None:
        """Add changes of any kind with their `_ts`, and numbers that `next_sequence` gave."""
        counts = Counter(operations.to_pylist())
        self.summary.rows += counts["upsert"]
        self.summary.deletes += counts["delete"]
        self._add(documents, operations, times, sequences)

    def _add_all(self, documents: pa.RecordBatch, operation: Literal["upsert", "truncate"]) -> None:
        count = len(documents)
        first = self._run.next_sequence(count)
        operations = pa.repeat(pa.scalar(operation, pa.string()), count)
        self._add(documents, operations, pa.nulls(count, pa.int64()), pa.array(range(first, first + count), pa.int64()))

    def _add(self, documents: pa.RecordBatch, operations: pa.Array, times: pa.Array, sequences: pa.Array) -> None:
        count = len(documents)
        columns = [
            documents["_id"],
            documents["_creation_time"],
            times,
            operations,
            sequences,
            pa.repeat(pa.scalar(self._run.summary.run_id, pa.string()), count),
            documents["document"],
        ]
        size = documents["document"].nbytes
        if size >= LARGE_BYTES:
            self._finish_writing()
        self._parts.append(pa.RecordBatch.from_arrays(columns, schema=ROW_SCHEMA))
        self._rows += count
        self._bytes += size
        if self._rows >= ROW_GROUP_ROWS or self._bytes >= ROW_GROUP_BYTES:
            self._flush()
        if size >= LARGE_BYTES:
            self._finish_writing()

    def reject(self, line_number: int, reason: Reason, raw: bytes, part: int = 0) -> None:
        """Set a line aside, and count it once."""
        if self.first_rejected_line is None:
            self.first_rejected_line = line_number
        if part == 0:
            self.summary.rejected[reason] = self.summary.rejected.get(reason, 0) + 1
        self._run.reject(self.summary.name, line_number, part, reason, raw)

    def _flush(self) -> None:
        self._wait()
        if self._parts:
            self._pending = self._run.submit(self._writer, pa.Table.from_batches(self._parts))
        self._parts, self._rows, self._bytes = [], 0, 0

    def _wait(self) -> None:
        if self._pending is not None:
            self._pending.result()
            self._pending = None

    def _finish_writing(self) -> None:
        self._flush()
        self._wait()

    def close(self) -> None:
        """Write the last row group and the file's footer."""
        try:
            self._finish_writing()
        finally:
            self._writer.close()


def _stamp(run_id: str) -> datetime | None:
    """Return the time in a run's id; None where it is none that can be counted on from."""
    match = _RUN_ID.match(run_id)
    try:
        return datetime.strptime(f"{match[1]}{match[2] or 999999}+0000", "%Y%m%dT%H%M%S%f%z") if match else None
    except ValueError:
        return None


def fingerprint(path: Path) -> tuple[int, str]:
    """Return a file's bytes and SHA-256."""
    with path.open("rb") as file:
        return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()


def sync_to_disk(path: Path) -> None:
    """Have the system write what it holds of a file or a directory."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
