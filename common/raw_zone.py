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

import json
import re
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from common import __version__
from common.errors import CommandError

RUN_FILE = "run.json"
REJECTED_FILE = "_rejected.parquet"
Reason = Literal["invalid_utf8", "invalid_json", "too_deep", "not_an_object", "no_id", "too_long"]
"""Why a line was set aside: `extract/documents.py` has them in words."""
DEPLOYMENT_SOURCES = frozenset({"snapshot", "data_sync", "streaming_export"})
"""The types of `source` whose name is a deployment's address; that of others is a file's."""
_SNAPSHOT_NAME = re.compile(r"snapshot_(.+)_\d{18,19}(?: \(\d+\))?\.zip")
"""The name that Convex gives to a download: that of the deployment, and the time of the snapshot."""
RUN_ID = re.compile(r"(\d{8}T\d{6})Z-(\d{6})?")


class Source(msgspec.Struct, omit_defaults=True):
    """Where a run came from: a deployment, a file, or runs that it was compacted from."""

    type: str
    name: str
    bytes: int | msgspec.UnsetType | None = msgspec.UNSET
    """The size of a file; None of a directory."""
    sample: bool = False
    """Made-up data landed in it, see `extract.sample`."""
    origin: str | None = None
    """Of a compacted run: the `origin` of the newest run that it replaces."""
    first: str | None = None
    """Of a compacted run: the first that it replaces; None: all before it."""
    last: str | None = None
    """Of a compacted run: the last whose state it leaves; None where it has forgotten what was deleted."""


class TableState(msgspec.Struct):
    """What a sync found in a table: its documents, and the `_id` of the oldest (unset where nobody looked)."""

    documents: int
    oldest: str | msgspec.UnsetType | None = msgspec.UNSET
    verified: bool = False
    """The deployment said the same at the same moment."""


class SyncState(msgspec.Struct):
    """What the next sync has to know, see `extract.sync`."""

    url: str
    api: str
    journal: str
    page: int
    """The last page of the journal that landed."""
    imports: dict[str, str]
    """State of each import that was listed, by id."""
    settled: list[str]
    """Imports that had ended."""
    selected: list[str]
    tables: dict[str, TableState] = msgspec.field(default_factory=dict)


class TableSummary(msgspec.Struct, forbid_unknown_fields=True):
    """What a run holds of one table. `bytes` and `sha256` are those of the Parquet file."""

    name: str
    component: str
    table: str
    format: str
    rows: int = 0
    deletes: int = 0
    deletes_so_far: int | None = None
    """Of a compacted run: the deletions that landed in the runs that it replaces, whatever it still has of them."""
    document_bytes: int = 0
    blank_lines: int = 0
    rejected: dict[Reason, int] = msgspec.field(default_factory=dict)
    notes: list[str] = msgspec.field(default_factory=list)
    file: str = ""
    bytes: int = 0
    sha256: str = ""

    @property
    def landed_deletes(self) -> int:
        """The deletions that landed in the run, or in the runs that it replaces."""
        return self.deletes if self.deletes_so_far is None else self.deletes_so_far


class RunSummary(msgspec.Struct, forbid_unknown_fields=True):
    """The content of `run.json`."""

    run_id: str
    kind: Literal["full", "incremental"]
    started_at: str
    source: Source
    snapshot_ts: int | None
    """Time of the snapshot in nanoseconds since 1970, where it is known."""
    finished_at: str = ""
    tool: str = f"palette-analytics-extract/{__version__}"
    cursor: str | None = None
    """Where the next sync goes on; None where it can't."""
    sync: SyncState | None = None
    tables: list[TableSummary] = msgspec.field(default_factory=list)
    skipped: list[str] = msgspec.field(default_factory=list)
    notes: list[str] = msgspec.field(default_factory=list)

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
        """Tell whether made-up data landed in the run, or in one that it replaces: see `extract.sample`."""
        return self.source.sample

    @property
    def origin(self) -> str:
        """Where the newest of its data came from: the name of a deployment, else its host and port, else `file`."""
        if self.is_compacted:
            place = self.source.origin or urlsplit(self.sync.url if self.sync else "").netloc
        elif self.source.type in DEPLOYMENT_SOURCES:
            place = self.source.name
        else:
            found = _SNAPSHOT_NAME.fullmatch(self.source.name)
            place = found[1] if found else ""
        place = place.lower()
        return (place.split(".")[0] if place.endswith(".convex.cloud") else place) or "file"

    @property
    def is_compacted(self) -> bool:
        """Tell whether the run was compacted from others, see `extract.compact`."""
        return self.source.type == "compact"

    @property
    def forgets_deleted(self) -> bool:
        """Tell whether the deleted documents of the runs that it replaces are gone, see `extract.compact`."""
        return self.is_compacted and self.source.last is None

    @property
    def replaces_from(self) -> str:
        """The first of the runs that this one replaces, up to itself. Empty: it replaces all before it."""
        return (self.source.first or "") if self.is_compacted else self.run_id

    @property
    def replaces_to(self) -> str:
        """The run whose state this one leaves: itself, or the last one that landed of those that it replaces."""
        return (self.source.last or self.run_id) if self.is_compacted else self.run_id

    @classmethod
    def from_json(cls, text: str) -> "RunSummary":
        """Read a `run.json`. Raises ValueError if it isn't one."""
        summary = msgspec.convert(json.loads(text), cls)  # json takes half a surrogate pair, as a file's name may have
        datetime.fromisoformat(summary.finished_at)
        return summary


class RawZone:
    """The directory that holds the runs, as readers see it."""

    def __init__(self, directory: Path):
        self.directory = directory

    def run_ids(self) -> list[str]:
        """Return the ids of the visible runs, oldest first."""
        if not self.directory.is_dir():
            return []
        names = (path.parent.name for path in self.directory.glob(f"*/{RUN_FILE}"))
        return sorted(name for name in names if RUN_ID.match(name))

    def runs(self) -> list[RunSummary]:
        """Return the summaries of the visible runs, oldest first. Raises CommandError if one can't be read."""
        return self.summaries(self.run_ids())

    def summaries(self, run_ids: Iterable[str]) -> list[RunSummary]:
        """Return the summaries of these runs, without those that are gone. Raises CommandError if one can't be read."""
        summaries = []
        for run_id in run_ids:
            try:
                summaries.append(self._summary(run_id))
            except CommandError:
                if (self.directory / run_id).exists():
                    raise  # otherwise it was compacted and deleted just now
        return summaries

    def active_runs(self) -> list[RunSummary]:
        """Return the summaries of the runs that no later one replaces, oldest first: the state is what they say.

        Those that were compacted aren't even read. Raises CommandError if one can't be read.
        """
        while True:
            active: list[RunSummary] = []
            try:
                for run_id in reversed(self.run_ids()):
                    if not active or run_id < active[-1].replaces_from:
                        active.append(self._summary(run_id))
            except CommandError:
                if (self.directory / run_id).exists():
                    raise
                continue  # it was compacted and deleted just now: what replaces it is there
            return active[::-1]

    def _summary(self, run_id: str) -> RunSummary:
        path = self.directory / run_id / RUN_FILE
        try:
            return RunSummary.from_json(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise CommandError(f"{path} is gone: restore it, or delete the run's folder") from error
        except OSError as error:  # the run may be whole
            raise CommandError(f"{path} can't be read ({error.strerror}): see that this user may read it") from error
        except ValueError as error:
            raise CommandError(f"{path} can't be read ({error}): restore it, or delete the run's folder") from error

    def newest(self) -> RunSummary | None:
        """Return the newest visible run's summary. Raises CommandError if it can't be read."""
        run_ids = self.run_ids()
        return self._summary(run_ids[-1]) if run_ids else None
