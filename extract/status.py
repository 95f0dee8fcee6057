"""`extract status`: what the raw zone holds, run by run, and what each table's current state is."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from extract.errors import ExtractError
from extract.rawzone import RawZone, RunSummary


@dataclass(frozen=True)
class Status:
    """The raw zone at one moment. `current` gives the number of live documents of each table."""

    raw_dir: str
    runs: list[RunSummary]
    current: dict[str, int]
    age_seconds: float | None
    """Seconds since the newest run was finished; None where there is none."""

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {
            "raw_dir": self.raw_dir,
            "run_count": len(self.runs),
            "age_seconds": self.age_seconds,
            "current": self.current,
            "runs": [asdict(run) | {"rejected": run.rejected, "bytes": _bytes(run)} for run in self.runs],
        }


def status(zone: RawZone) -> Status:
    """Read the zone. Raises ExtractError if a run can't be read."""
    runs = zone.runs()
    tables = sorted({table.name for run in runs for table in run.tables})
    current = {name: _current_count(zone.directory, runs, name) for name in tables}
    age = datetime.now(UTC) - datetime.fromisoformat(runs[-1].finished_at) if runs else None
    return Status(str(zone.directory), runs, current, age.total_seconds() if age else None)


def _bytes(run: RunSummary) -> int:
    return sum(table.bytes for table in run.tables)


def _current_count(directory: Path, runs: list[RunSummary], table: str) -> int:
    """Count the documents that are live: after the last truncate, the last row of each `_id`, unless a delete."""
    files = [str(directory / run.run_id / t.file) for run in runs for t in run.tables if t.name == table]
    query = """
        with changes as (select _id, _op, _run_id, _seq from read_parquet($files)),
        last_truncate as (
            select _run_id, _seq from changes where _op = 'truncate' order by _run_id desc, _seq desc limit 1
        ),
        latest as (
            select arg_max(_op, (_run_id, _seq)) as _op from changes
            where _op <> 'truncate'
              and (_run_id, _seq) > coalesce((select (_run_id, _seq) from last_truncate), ('', -1))
            group by _id
        )
        select count(*) from latest where _op = 'upsert'
    """
    try:
        row = duckdb.connect().execute(query, {"files": files}).fetchone()
    except duckdb.Error as error:
        reason = str(error).partition("\n")[0]  # what follows shows the place in the query
        raise ExtractError(f"the files of {table} in {directory} can't be read: {reason}") from error
    return row[0] if row else 0
