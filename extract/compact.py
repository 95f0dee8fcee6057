"""`extract compact`: fold all runs into one, so that a build reads each document once."""

import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from extract.documents import DOCUMENT_SCHEMA
from extract.errors import ExtractError
from extract.rawzone import REJECTED_FILE, RawZone, RunSummary, RunWriter, TableName, TableWriter

BATCH_ROWS = 20_000
MEMORY_LIMIT = "1GB"

# One row per document that was ever seen: its last text, and whether it is still there.
_LAST_TEXTS = """
    with keys as (
        select _id, _op, (file_index::bigint << 40) | _seq as place from read_parquet($files)
    ),
    last_truncate as (
        select coalesce(max(place), -1) as place from keys where _op = 'truncate'
    ),
    documents as (
        select
            max(place) filter (_op = 'upsert') as last_text,
            max(place) as last_change
        from keys
        where _op <> 'truncate'
        group by _id
    ),
    kept as (
        select last_text, last_text = last_change and last_text > last_truncate.place as is_live
        from documents, last_truncate
        where last_text is not null and (is_live or not $forget_deleted)
    )
    select changes._id, changes._creation_time, changes.document, changes._ts, kept.is_live
    from (select *, (file_index::bigint << 40) | _seq as place from read_parquet($files)) as changes
    inner join kept on changes.place = kept.last_text
"""


def compact(
    zone: RawZone,
    keep: timedelta = timedelta(hours=24),
    forget_deleted: bool = False,
    progress: Callable[[str, int, int], None] = lambda _table, _done, _total: None,
) -> RunSummary | None:
    """Write the current state as one full run, and delete runs that such a run has stood for since `keep` or longer.

    Documents that were deleted keep their last text, unless `forget_deleted`; what was set aside stays too. Returns
    None where there is nothing to fold. Raises ExtractError; a crash at any point leaves a zone that says the same.
    """
    written = None
    newest = zone.newest()
    is_folded = newest is not None and newest.source["type"] == "compact" and not forget_deleted
    if len(zone.run_ids()) > 1 and not is_folded:
        with zone.new_run({"type": "compact", "name": "the runs before it"}, None) as run:
            _fold(run, zone, forget_deleted, progress)
        written = run.summary
    with zone.lock():
        _delete_shadowed(zone, keep)
    return written


def _fold(run: RunWriter, zone: RawZone, forget_deleted: bool, progress: Callable[[str, int, int], None]) -> None:
    runs = zone.runs()
    newest = runs[-1]
    summary = run.summary
    summary.source = {"type": "compact", "name": f"{len(runs)} runs"}
    summary.snapshot_ts, summary.cursor, summary.sync = newest.snapshot_ts, newest.cursor, newest.sync
    names = sorted({TableName(table.component, table.table) for found in runs for table in found.tables})
    for name in names:
        _fold_table(run, name, zone.files(name), forget_deleted, progress)
    for found in runs:
        path = zone.directory / found.run_id / REJECTED_FILE
        if path.exists():
            run.carry_rejected(path)
        for table in found.tables:
            counts = run.open_table(TableName(table.component, table.table), "uniform").summary.rejected
            for reason, count in table.rejected.items():
                counts[reason] = counts.get(reason, 0) + count


def _fold_table(
    run: RunWriter, name: TableName, files: list[Path], forget_deleted: bool, progress: Callable[[str, int, int], None]
) -> None:
    writer = run.open_table(name, "uniform")
    writer.add_truncate()
    deleted: list[str] = []
    done = 0
    spill = run.directory.parent / "spill"
    limit = os.environ.get("DUCKDB_MEMORY_LIMIT") or MEMORY_LIMIT
    try:
        total = sum(pq.read_metadata(path).num_rows for path in files)
        with duckdb.connect(config={"memory_limit": limit, "temp_directory": str(spill)}) as connection:
            parameters = {"files": [*map(str, files)], "forget_deleted": forget_deleted}
            batches = connection.execute(_LAST_TEXTS, parameters).to_arrow_reader(BATCH_ROWS)
            for batch in batches:
                _add(run, writer, batch, "upsert")
                is_live = batch["is_live"].to_pylist()
                deleted += [key for key, live in zip(batch["_id"].to_pylist(), is_live, strict=True) if not live]
                writer.summary.document_bytes += batch["document"].nbytes
                done += len(batch)
                progress(str(name), done, total)
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise ExtractError(f"{name} can't be folded: {reason}. The raw zone stays as it was") from error
    finally:
        shutil.rmtree(spill, ignore_errors=True)
    for start in range(0, len(deleted), BATCH_ROWS):
        ids = deleted[start : start + BATCH_ROWS]
        rows = {"_id": ids, "_creation_time": [None] * len(ids), "document": [None] * len(ids)}
        _add(run, writer, pa.RecordBatch.from_pydict(rows, DOCUMENT_SCHEMA), "delete")
    progress(str(name), total, total)


def _add(run: RunWriter, writer: TableWriter, batch: pa.RecordBatch, operation: str) -> None:
    count = len(batch)
    first = run.next_sequence(count)
    writer.add_changes(
        batch.select(DOCUMENT_SCHEMA.names).cast(DOCUMENT_SCHEMA),
        pa.repeat(pa.scalar(operation, pa.string()), count),
        batch["_ts"] if "_ts" in batch.schema.names else pa.nulls(count, pa.int64()),
        pa.array(range(first, first + count), pa.int64()),
    )


def _delete_shadowed(zone: RawZone, keep: timedelta) -> None:
    """Delete the runs before the newest compact one that was there long enough for every build to have moved on."""
    now = datetime.now(UTC)
    stands = [
        run.run_id
        for run in zone.runs()
        if run.source["type"] == "compact" and now - datetime.fromisoformat(run.finished_at) >= keep
    ]
    for run_id in zone.run_ids():
        if stands and run_id < stands[-1]:
            zone.delete(run_id)
