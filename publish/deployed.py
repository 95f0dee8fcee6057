"""What our tables on a deployment hold before a push, and whether a release may take their place."""

import math
import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from common.errors import CommandError
from common.progress import Tell
from common.releases import BUILD_ID
from common.settings import CONSENSUS_TABLE, PUBLISHED_TABLES, RUNS_TABLE
from common.shrinking import Loss, how_to_allow, unexpected
from common.text import visible
from convex.system_queries import Queries
from convex.tables import TableName
from publish.convex_archive import Archive
from publish.losses import is_explained


@dataclass(frozen=True)
class Deployed:
    """What our tables on the deployment hold: their rows, and what the last push that is known wrote.

    None of `rows`: the table isn't empty, and the backend can't count it. Earlier pushes wrote neither `origin` nor
    `deleted_results`.
    """

    rows: dict[str, int | None]
    build_id: str | None
    pushed_rows: dict[str, int]
    origin: str | None = None
    snapshot_ms: float | None = None
    deleted_results: float | None = None

    def is_just(self, archive: Archive) -> bool:
        """Tell whether the release is there already, with as many rows as it has, as far as they can be counted."""
        counts_agree = all(self.rows[table] in (None, archive.rows[table]) for table in PUBLISHED_TABLES)
        return self.build_id == archive.build_id and counts_agree


def look(queries: Queries) -> Deployed:
    """Ask a deployment for what our tables hold. Raises CommandError."""
    ours = {table: TableName("", table) for table in PUBLISHED_TABLES}
    there = queries.tables([""])
    rows = {table: _count(queries, name) if name in there else 0 for table, name in ours.items()}
    run = (queries.oldest(ours[RUNS_TABLE]) or {}) if rows[RUNS_TABLE] in (1, None) else {}
    build_id, written = run.get("buildId"), _number(run.get("consensusRows"))
    if not BUILD_ID.fullmatch(str(build_id)) or written is None:
        return Deployed(rows, None, dict.fromkeys(PUBLISHED_TABLES, 0))
    origin = run.get("origin")
    return Deployed(
        rows,
        build_id,
        {CONSENSUS_TABLE: int(written), RUNS_TABLE: 1},
        origin if isinstance(origin, str) else None,
        _number(run.get("snapshotTs")),
        _number(run.get("deletedResults")),
    )


def _count(queries: Queries, table: TableName) -> int | None:
    size = queries.size_if_told(table)
    return 0 if size is None and queries.oldest(table) is None else size


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, float | int) and math.isfinite(value) else None


def moment(ms: float) -> str:
    """Write a time that a deployment gives, in milliseconds since 1970."""
    try:
        return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, ValueError, OSError):
        return "an unknown time"


def refuse_stale(archive: Archive, max_age: timedelta | None) -> None:
    """Raise CommandError where the newest data of a release is older than that, or its age isn't known."""
    if max_age is None:
        return
    if archive.snapshot_ms is None:
        raise CommandError(
            f"it isn't known how old the data of {archive.build_id} is, and --max-age asks for that: land it with "
            "extract sync or extract snapshot, or from a ZIP under the name that Convex gave it"
        )
    if time.time() - archive.snapshot_ms / 1000 > max_age.total_seconds():
        raise CommandError(
            f"the newest data of {archive.build_id} is of {moment(archive.snapshot_ms)}, which is older than --max-age "
            "allows: land newer data (python -m extract sync), make build, and push again"
        )


def refuse_unfit(
    archive: Archive,
    before: Deployed,
    url: str,
    report: Tell,
    *,
    overwrite: bool,
    allow_shrink: Collection[str],
) -> None:
    """Raise CommandError where a release must not take the place of what a deployment has.

    `overwrite` allows everything but that the consensus loses most of its rows, which `allow_shrink` does.
    """
    if not overwrite and (objection := _objection(archive, before)):
        raise CommandError(f"{url} {objection}")
    count = before.rows[CONSENSUS_TABLE]
    loss = Loss(
        CONSENSUS_TABLE, before.pushed_rows[CONSENSUS_TABLE] if count is None else count, archive.rows[CONSENSUS_TABLE]
    )
    if not loss.is_suspicious or not unexpected([loss], allow_shrink):
        return
    if not is_explained(loss, _deleted_since(archive, before)):
        raise CommandError(
            f"{loss} on {url}, and no deletions explain it. Nothing was replaced; if the loss is meant, push with "
            f"{how_to_allow([loss])}"
        )
    report(f"{CONSENSUS_TABLE} shrinks from {loss.before:,} to {loss.after:,} rows: as many answers were deleted since")


def _objection(archive: Archive, before: Deployed) -> str | None:
    if None in before.rows.values():
        return (
            "can't count the rows of a table, as its backend is from before November 2025: what would be replaced "
            "can't be compared with what the last push wrote. Upgrade the backend, or push with --overwrite"
        )
    if before.build_id and before.build_id > archive.build_id:
        return (
            f"has build {visible(before.build_id)}, which is newer than {archive.build_id}: publish again, or go back "
            "with --overwrite"
        )
    if before.snapshot_ms and archive.snapshot_ms and before.snapshot_ms > archive.snapshot_ms:
        return (
            f"has results of data of {moment(before.snapshot_ms)}, and the data of {archive.build_id} is of "
            f"{moment(archive.snapshot_ms)}: land newer data and publish again, or go back with --overwrite"
        )
    origin = archive.run.get("origin")
    if before.origin and origin and before.origin != origin:
        return (
            f"has results of data from {visible(before.origin)[:100]}, and {archive.build_id} is of data from "
            f"{visible(str(origin))}: see RAW_DIR and CONVEX_URL; if that is meant, push with --overwrite"
        )
    return None


def _deleted_since(archive: Archive, before: Deployed) -> int:
    """Return how many answers were deleted since the release that is there, where that is known."""
    now = _number(archive.run.get("deletedResults"))
    if now is None or before.deleted_results is None or before.origin != archive.run.get("origin"):
        return 0
    return max(0, int(now - before.deleted_results))
