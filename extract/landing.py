"""Landing: runs are written to the raw zone, and each is made visible by one atomic rename."""

import json
import shutil
import sqlite3
from collections import Counter
from collections.abc import Collection, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from common.errors import CommandError
from common.files import atomic_directory, fingerprint, locked
from common.raw_zone import REJECTED_FILE, RUN_FILE, RUN_ID, RawZone, Reason, RunSummary, Source, TableSummary
from convex.tables import TableName
from extract.documents import DOCUMENT_SCHEMA, as_binaries
from extract.vanishing import check_losses

LIVE_LOCK = ".live.lock"
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


class LandingZone(RawZone):
    """The raw zone, for those who write to it."""

    def files(self, runs: Iterable[RunSummary]) -> dict[TableName, list[Path]]:
        """Return the files of each table in these runs, in their order."""
        files: dict[TableName, list[Path]] = {}
        for run in runs:
            for table in run.tables:
                name = TableName(table.component, table.table)
                files.setdefault(name, []).append(self.directory / run.run_id / table.file)
        return files

    def delete(self, run_id: str) -> None:
        """Delete a run, which is invisible from the first moment. The zone's lock has to be held."""
        incoming = self.directory / ".incoming"
        incoming.mkdir(exist_ok=True)
        (self.directory / run_id).rename(incoming / run_id)
        shutil.rmtree(incoming, ignore_errors=True)

    @contextmanager
    def new_run(
        self,
        source: Source,
        snapshot_ts: int | None,
        kind: Literal["full", "incremental"] = "full",
        *,
        waits: bool = False,
        allow_shrink: Collection[str] = (),
    ) -> Generator["RunWriter"]:
        """Write a run: visible when the block ends, gone without a trace when it raises.

        Raises CommandError if the disk refuses, or a table would lose most of its rows that `allow_shrink` doesn't
        name; and Busy if another process is writing to the zone; with `waits`, waits until that one is done.
        """
        incoming = self.directory / ".incoming"
        with self.lock(waits=waits):
            started_at = datetime.now(UTC)
            run_id = self._next_run_id(started_at)
            summary = RunSummary(run_id, kind, started_at.isoformat(), source, snapshot_ts)
            try:
                with atomic_directory(self.directory / run_id, incoming) as directory:
                    writer = RunWriter(directory, summary)
                    try:
                        yield writer
                    finally:
                        writer.close()
                    writer.finish_files()
                    check_losses(self, writer, allow_shrink)
                    writer.finish()
            except (OSError, sqlite3.Error) as error:
                reason = error.strerror if isinstance(error, OSError) and error.strerror else error
                raise CommandError(
                    f"can't write to {self.directory}: {reason}. Nothing was landed; free some space, "
                    "or choose another place with RAW_DIR, and run the command again"
                ) from error

    def lock(self, name: str = ".lock", *, waits: bool = False) -> AbstractContextManager[None]:
        """Hold one of the zone's locks. Raises Busy if another process holds it, unless `waits`."""
        return locked(self.directory / name, "RAW_DIR", waits=waits)

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
        self.replaced: set[TableName] = set()
        """Tables of which what earlier runs hold no longer counts."""
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

    def finish_files(self) -> None:
        """Write what is still to write, except `run.json`."""
        self._flush_rejected()
        if self._rejected_writer is not None:
            self._rejected_writer.close()
        self.finish_tables()

    def finish(self) -> None:
        """Write `run.json`, last of all."""
        self.summary.finished_at = datetime.now(UTC).isoformat()
        content = json.dumps(msgspec.to_builtins(self.summary), ensure_ascii=False, indent=2)
        (self.directory / RUN_FILE).write_bytes(f"{content}\n".encode(errors="backslashreplace"))


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
        self._run.replaced.add(TableName(self.summary.component, self.summary.table))
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
    match = RUN_ID.match(run_id)
    try:
        return datetime.strptime(f"{match[1]}{match[2] or 999999}+0000", "%Y%m%dT%H%M%S%f%z") if match else None
    except ValueError:
        return None
