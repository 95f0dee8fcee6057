"""What a test can change about a deployment."""

from dataclasses import dataclass, field
from typing import Any

MEBIBYTE = 1024 * 1024


@dataclass
class Settings:
    """Limits, gates and outcomes; the defaults are those of a healthy deployment of today."""

    page_entries: int = 16_384
    page_bytes: int = 64 * MEBIBYTE
    log_rows: int = 32_768
    snapshot_page: int = 1024
    delta_rows: int = 128
    freshness_seconds: float = 30.0
    freshness_rows: int | None = None
    """Instead of the seconds: how many rows of the log a cursor may be behind, which no clock and no load changes."""
    retention_seconds: float = 14 * 86_400
    streaming_export: bool = True
    data_sync: str = "current"
    """`current`, `alpha` (the form of 2026-07-10) or `missing` (404)."""
    older_api: bool = True
    deltas_conflict: bool = False
    """Set to True, it has `document_deltas` answer 409 to every cursor from before that, as after an import."""
    table_size: bool = True
    """False: there is no function that counts a table, as on backends of 2025-07 to 2025-10."""
    version: str | None = "unknown"
    """What GET /version answers; None: 404 with an empty body."""
    instance_name: str = "palette-analytics-test"
    """By this name a deployment says that it is the one for tests."""
    table_name_honoured: bool = True
    status_type: str | None = None
    """A type of status that no client knows."""
    first_page_fails: int = 0
    invalidate_cursors: bool = False
    """Set to True, it gives the deployment another secret, once."""
    export_seconds: float = 0.0
    export_looks: int | None = None
    """Instead of the seconds: how many times somebody asks after an export before it is done."""
    export_outcome: str = "completed"
    """`completed`, `failed`, `canceled` or `stuck`."""
    export_expired: bool = False
    export_body: str = "whole"
    """`whole`, `short` (fewer bytes than announced), `cut` (fewer announced too) or `corrupt`."""
    export_body_times: int = 1 << 60
    """How many downloads are like that; the others are whole."""
    export_by_others: bool = False
    download_ranges: bool = False
    """True: a download goes on where `Range` says, as behind a store of objects; Convex's own handler can't do that."""
    import_seconds: float = 0.0
    """How long an import is looked at, and then how long it takes."""
    import_looks: int | None = None
    """Instead of the seconds: how many times somebody asks after an import before each of the two is done."""
    import_outcome: str = "completed"
    """`completed`, `failed` or `stuck`."""
    import_error: str = "the schema says no"
    import_progress: str = "Importing"
    import_unasked: bool = False
    """An import takes place without being confirmed."""
    import_cancellable: bool = True
    """False: one in progress can't be cancelled, as on older backends."""
    import_checkpoints: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    """What checkpoints say of tables, also of tables that the archive doesn't have; None leaves one out."""
    reads_uniform: bool = True
    """False: an import of an archive that says `"uniform"` fails, as on backends before 2026-03."""
    import_mode_told: str | None = None
    import_rows_told: int | None = None
    max_body_bytes: int | None = None
    """A proxy before the deployment answers 413 to a larger body."""
    smallest_part_bytes: int = 5 * MEBIBYTE
    """Of an upload, but for its last part. 0: as where a deployment keeps uploads in a folder of its own."""
    redirect_to: str | None = None
    echo_key: bool = False
    paused: bool = False
    faults: dict[str, Any] = field(default_factory=dict)
    """`rate` (0 to 1), `kinds`, and if wanted `seed`, `paths` (prefixes), `times`, `after` (how many pass first),
    `retry_after`, `pause`."""


def share_done(elapsed: float, seconds: float, looks: int, wanted_looks: int | None) -> float:
    """Return how much of what takes so long is done, from 0 to 1. The first look finds nothing done."""
    if wanted_looks is not None:
        return min(1.0, max(0, looks - 1) / wanted_looks)
    return min(1.0, elapsed / seconds) if seconds else 1.0
