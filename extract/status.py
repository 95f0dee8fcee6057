"""`extract status`: what the raw zone holds, run by run, and what each table's current state is."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from common.raw_zone import RunSummary, SyncState
from extract import current
from extract.journal import Journal
from extract.landing import LandingZone


class UnfinishedSync(msgspec.Struct):
    """What a sync has received and not landed yet."""

    pages: int
    started_at: str


@dataclass(frozen=True)
class Status:
    """The raw zone at one moment. `current` gives the number of live documents of each table."""

    raw_dir: str
    runs: list[RunSummary]
    compacted: list[RunSummary]
    """Runs that one of `runs` replaces: they are there until no build can be reading them any more."""
    current: dict[str, int]
    age_seconds: float | None
    """Seconds since the newest run was finished; None where there is none."""
    sync: SyncState | None
    """Where the next sync goes on; None where it has to begin at the beginning."""
    unfinished_sync: UnfinishedSync | None

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {
            "raw_dir": self.raw_dir,
            "run_count": len(self.runs),
            "compacted_run_count": len(self.compacted),
            "age_seconds": self.age_seconds,
            "current": self.current,
            "sync": msgspec.to_builtins(self.sync),
            "unfinished_sync": msgspec.to_builtins(self.unfinished_sync),
            "runs": [msgspec.to_builtins(run) | {"rejected": run.rejected, "bytes": run.bytes} for run in self.runs],
        }


def status(zone: LandingZone) -> Status:
    """Read the zone. Raises CommandError if a run can't be read."""
    runs = zone.active_runs()
    compacted = zone.summaries({*zone.run_ids()} - {run.run_id for run in runs})
    documents = {str(name): current.read(files).documents for name, files in sorted(zone.files(runs).items())}
    journal = Journal(zone)
    waiting = sum(bool(note.changed) for note in journal.notes.values())
    age = datetime.now(UTC) - datetime.fromisoformat(runs[-1].finished_at) if runs else None
    return Status(
        str(zone.directory),
        runs,
        compacted,
        documents,
        age.total_seconds() if age else None,
        runs[-1].sync if runs else None,
        UnfinishedSync(waiting, journal.header.started_at) if journal.header and waiting else None,
    )
