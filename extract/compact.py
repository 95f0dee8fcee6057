"""Compacting runs: `extract compact` makes one of all, and what lands keeps the number of runs small.

A run never changes. Compacting writes one new run that says what the runs before it say, back to a certain one: applied
after them it changes nothing, and without them it replaces them. So they may go, oldest first, at any later moment.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa

from common.errors import CommandError, first_line, raise_if_interrupted
from common.files import Busy
from common.limits import limits
from common.paths import as_pattern
from common.progress import Progress, no_progress
from common.raw_zone import RunSummary, Source
from convex.tables import TableName
from extract.documents import DOCUMENT_SCHEMA
from extract.landing import REJECTED_FILE, LandingZone, RunWriter, TableWriter

BATCH_ROWS = 20_000
MEMORY_LIMIT = "1GB"
KEEP = timedelta(days=1)
"""How long compacted runs stay, so that no build that began before loses a file."""
COMPACT_AFTER = 50
GROWTH = 2
"""A run is compacted once more when what came after it is at least half as large: see docs/decisions/0017."""

# One row per document of the files: its last text, its last change, and whether it is still there.
_LAST_CHANGES = """
    create or replace temp table last_changes as
    with keys as (
        select _id, _op, (file_index::bigint << 40) | _seq as place from read_parquet($files, hive_partitioning = false)
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
    )
    select
        last_text,
        last_change,
        coalesce(last_text = last_change and last_text > last_truncate.place, false) as is_live
    from documents, last_truncate
"""
_TEXTS = """
    select _id, _creation_time, document, _ts
    from (
        select *, (file_index::bigint << 40) | _seq as place from read_parquet($files, hive_partitioning = false)
    ) as changes
    inner join last_changes on changes.place = last_changes.last_text
    where is_live or $with_deleted
"""
_DELETIONS = """
    select _id, null::double as _creation_time, null::varchar as document, if(_op = 'delete', _ts, null) as _ts
    from (
        select *, (file_index::bigint << 40) | _seq as place from read_parquet($files, hive_partitioning = false)
    ) as changes
    inner join last_changes on changes.place = last_changes.last_change
    where not is_live and (last_text is not null or $with_unknown)
"""
_HAS_TRUNCATE = "select count(*) > 0 from read_parquet($files, hive_partitioning = false) where _op = 'truncate'"


class _NothingToCompact(Exception):
    """Somebody else has just done it."""


def compact(
    zone: LandingZone,
    keep: timedelta = KEEP,
    *,
    forget_deleted: bool = False,
    progress: Progress = no_progress,
) -> RunSummary | None:
    """Write the current state as one full run, and delete runs that a compacted one replaced `keep` ago or earlier.

    Documents that were deleted keep their last text, unless `forget_deleted`; what was set aside stays too. Returns
    None where there is nothing to compact. Raises CommandError; a crash at any point leaves a zone that says the same.
    """

    def choose(active: list[RunSummary]) -> list[RunSummary]:
        has_deleted = forget_deleted and any(table.deletes for run in active for table in run.tables)
        return active if len(active) > 1 or has_deleted else []

    written = _compacted(zone, choose, progress, forget_deleted=forget_deleted)
    with zone.lock():
        _delete_shadowed(zone, keep)
    return written


def keep_small(
    zone: LandingZone,
    after: int,
    keep: timedelta = KEEP,
    progress: Progress = no_progress,
) -> RunSummary | None:
    """Compact the newest runs where more than `after` are active, and delete those compacted `keep` ago; 0: never.

    Only runs that are small beside what came after them are compacted, so that each document is written again only a
    few times, however many runs come. Returns None where nothing was compacted: too few runs, or another process is
    writing. Raises CommandError.
    """
    if not after:
        return None
    written = None
    with suppress(Busy):  # what lands next comes here again
        written = _compacted(zone, lambda active: newest_small(active) if len(active) > after else [], progress)
        with zone.lock():
            _delete_shadowed(zone, keep)
    return written


def newest_small(active: Sequence[RunSummary]) -> list[RunSummary]:
    """Return the runs from the first on that is at most `GROWTH` times as large as all that came after it.

    Those before it are each more than twice as large as all that follow: there are never more than a few of them.
    """
    first, newer = len(active), 0
    for place in reversed(range(len(active))):
        size = active[place].bytes
        if size <= GROWTH * newer:
            first = place
        newer += size
    return [*active[first:]]


def _compacted(
    zone: LandingZone,
    choose: Callable[[list[RunSummary]], list[RunSummary]],
    progress: Progress,
    *,
    forget_deleted: bool = False,
) -> RunSummary | None:
    """Write one run that replaces the chosen ones, which are the newest. They are chosen again under the lock."""
    if not choose(zone.active_runs()):
        return None
    try:
        with zone.new_run(Source("compact", ""), None) as run:
            active = zone.active_runs()
            chosen = choose(active)
            if not chosen:
                raise _NothingToCompact
            is_whole = len(chosen) == len(active)
            _describe(run.summary, chosen, is_whole=is_whole, forget_deleted=forget_deleted)
            with _connection(run.directory.parent / "spill") as connection:
                for name, files in sorted(zone.files(chosen).items()):
                    _compact_table(
                        connection, run, name, files, progress, is_whole=is_whole, forget_deleted=forget_deleted
                    )
            _carry_counts(run, zone, chosen)
        return run.summary
    except _NothingToCompact:
        return None


def _describe(summary: RunSummary, chosen: list[RunSummary], *, is_whole: bool, forget_deleted: bool) -> None:
    newest = chosen[-1]
    summary.source = Source(
        "compact",
        f"{len(chosen)} run{'' if len(chosen) == 1 else 's'}",
        sample=any(run.is_sample for run in chosen),
        origin=newest.origin,
        first=None if is_whole else chosen[0].replaces_from,
        last=None if forget_deleted else newest.replaces_to,  # as what the runs said was more
    )
    summary.kind = "full" if is_whole else "incremental"
    summary.snapshot_ts, summary.cursor, summary.sync = newest.snapshot_ts, newest.cursor, newest.sync


def _carry_counts(run: RunWriter, zone: LandingZone, chosen: list[RunSummary]) -> None:
    """Take over what the runs have set aside, and how many deletions landed in them."""
    for found in chosen:
        path = zone.directory / found.run_id / REJECTED_FILE
        if path.exists():
            run.carry_rejected(path)
        for table in found.tables:
            summary = run.open_table(TableName(table.component, table.table), "uniform").summary
            summary.deletes_so_far = (summary.deletes_so_far or 0) + table.landed_deletes
            for reason, count in table.rejected.items():
                summary.rejected[reason] = summary.rejected.get(reason, 0) + count


def _connection(spill: Path) -> duckdb.DuckDBPyConnection:
    memory = limits(MEMORY_LIMIT)["memory_limit"]
    return duckdb.connect(config={"memory_limit": memory, "temp_directory": str(spill)})


def _compact_table(
    connection: duckdb.DuckDBPyConnection,
    run: RunWriter,
    name: TableName,
    files: list[Path],
    progress: Progress,
    *,
    is_whole: bool,
    forget_deleted: bool,
) -> None:
    writer = run.open_table(name, "uniform")
    read = {"files": [*map(as_pattern, files)]}
    try:
        if is_whole or connection.execute(_HAS_TRUNCATE, read).fetchall() == [(True,)]:
            writer.add_truncate()
        connection.execute(_LAST_CHANGES, read)
        total = connection.execute("select count(last_text) from last_changes").fetchall()[0][0]
        done = 0
        for batch in _batches(connection, _TEXTS, read | {"with_deleted": not forget_deleted}):
            _add(run, writer, batch, "upsert")
            writer.summary.document_bytes += batch["document"].nbytes
            done += len(batch)
            progress(str(name), done, total)
        if not forget_deleted:
            for batch in _batches(connection, _DELETIONS, read | {"with_unknown": not is_whole}):
                _add(run, writer, batch, "delete")
        progress(str(name), total, total)
    except (duckdb.Error, pa.ArrowException, OSError, RuntimeError) as error:
        raise_if_interrupted(error)
        raise CommandError(f"{name} can't be compacted: {first_line(error)}. The raw zone stays as it was") from error


def _batches(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: dict[str, object]
) -> Iterator[pa.RecordBatch]:
    yield from connection.execute(query, parameters).to_arrow_reader(BATCH_ROWS)


def _add(run: RunWriter, writer: TableWriter, batch: pa.RecordBatch, operation: str) -> None:
    count = len(batch)
    first = run.next_sequence(count)
    writer.add_changes(
        batch.select(DOCUMENT_SCHEMA.names).cast(DOCUMENT_SCHEMA),
        pa.repeat(pa.scalar(operation, pa.string()), count),
        batch["_ts"],
        pa.array(range(first, first + count), pa.int64()),
    )


def _delete_shadowed(zone: LandingZone, keep: timedelta) -> None:
    """Delete, oldest first, the runs that another has replaced long enough ago for every build to have moved on."""
    before = datetime.now(UTC) - keep
    old = [run_id for run_id in zone.run_ids() if run_id <= f"{before:%Y%m%dT%H%M%SZ-%f}"]
    for run in zone.summaries(old):
        if run.is_compacted and datetime.fromisoformat(run.finished_at) <= before:
            for run_id in zone.run_ids():
                if run.replaces_from <= run_id < run.run_id:
                    zone.delete(run_id)
