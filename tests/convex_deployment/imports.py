"""`npx convex import`, as far as what reads the deployment meanwhile, and whoever imports, can see it.

The replacement's rows are written to hidden tablets, which take the place of the tables in one transaction
(convex-backend, `crates/application/src/snapshot_import`; the states are those of `crates/model/src/snapshot_imports`).
An import that came over HTTP goes on by itself: the time that it takes is looked at whenever somebody asks for it.
"""

import time
from dataclasses import dataclass, field
from typing import Any

from convex_deployment.archives import ImportFailedError, ParsedTable, Place, parsed
from convex_deployment.errors import ConvexError
from convex_deployment.ids import decode_id, encode_id
from convex_deployment.settings import Settings, share_done
from convex_deployment.store import Store, Tablet

LISTED = 20
IMPORTS_TABLE_NUMBER = 31


@dataclass
class Import:
    """One import with its hidden tablets, and the rows that each has still to get."""

    id: str
    created_ts: int
    mode: str = "replace"
    state: dict[str, Any] = field(default_factory=lambda: {"state": "in_progress"})
    since: float = field(default_factory=time.monotonic)
    """When this state began, in monotonic seconds."""
    looks: int = 0
    """How many times somebody asked after it in this state."""
    body: bytes = b""
    parsed: dict[Place, ParsedTable] = field(default_factory=dict)
    tablets: dict[Place, Tablet] = field(default_factory=dict)
    rows: dict[Place, list[dict[str, Any]]] = field(default_factory=dict)
    totals: dict[Place, int] = field(default_factory=dict)
    existing: dict[Place, int] = field(default_factory=dict)

    def enter(self, state: str, **more: Any) -> None:
        """Begin another state."""
        self.state = {"state": state, **more}
        self.since = time.monotonic()
        self.looks = 0


class Imports:
    """The imports of a deployment, oldest first."""

    def __init__(self, store: Store, settings: Settings):
        self._store = store
        self._settings = settings
        self._all: dict[str, Import] = {}

    # What a test calls

    def start(self, tables: dict[str, list[dict[str, Any]]], component: str, keep_ids: bool) -> str:
        """Begin an import: from now on, hidden tablets stand beside the tables."""
        job = self._new()
        for name, rows in tables.items():
            active = self._store.active(component, name)
            number = active.number if active and keep_ids else None
            kept = rows if keep_ids else [{k: v for k, v in row.items() if k != "_id"} for row in rows]
            self._hide(job, (component, name), kept, number)
        return job.id

    def proceed(self, import_id: str, rows: int | None = None) -> None:
        """Write some of the rows of each table, or all of them, in one transaction."""
        job = self._all[import_id]
        ts = self._store.commit_ts()
        for place, tablet in job.tablets.items():
            count = len(job.rows[place]) if rows is None else rows
            for fields in job.rows[place][:count]:
                self._store.insert(tablet, fields, ts)
            job.rows[place] = job.rows[place][count:]

    def finish(self, import_id: str) -> None:
        """Write the rest, and swap in one transaction. What held the tables before ends without an event."""
        self.proceed(import_id)
        job = self._all[import_id]
        ts = self._store.commit_ts()
        for tablet in job.tablets.values():
            if active := self._store.active(*tablet.place):
                active.ended_ts = ts
            tablet.active_from = ts
        written = self._settings.import_rows_told
        total = sum(job.totals.values())
        job.enter("completed", num_rows_written=total if written is None else written, timestamp=ts)

    def fail(self, import_id: str, state: str) -> None:
        """End an import in vain: its hidden tablets stay."""
        self._all[import_id].enter(state, error_message="the import was stopped")

    # What HTTP calls

    def upload(self, body: bytes, wanted: dict[str, Any]) -> str:
        """Keep what was uploaded, and return the id of an import of it, which waits to be looked at."""
        if wanted.get("format") != "zip":
            raise ConvexError(400, "BadJsonBody", "this deployment imports ZIP only")
        if wanted.get("tableName") is not None:
            raise ConvexError(400, "InvalidName", "ZIP import cannot have table name")
        mode = wanted.get("mode", "requireEmpty")
        if mode not in ("requireEmpty", "append", "replace", "replaceAll"):
            raise ConvexError(400, "BadJsonBody", f"unknown variant {mode}")
        job = self._new()
        job.mode, job.body = mode, body
        job.enter("uploaded")
        return job.id

    def perform(self, import_id: str) -> None:
        """Confirm an import. One that has been confirmed already, or has ended, stays as it is."""
        job = self._found(import_id)
        if job.state["state"] == "waiting_for_confirmation":
            self._begin(job)

    def cancel(self, import_id: str) -> None:
        """End an import that hasn't ended."""
        job = self._found(import_id)
        if job.state["state"] in ("completed", "failed"):
            ended = job.state["state"]
            raise ConvexError(400, "CannotCancelImport", f"Cannot cancel an import that has {ended}")
        if job.state["state"] == "in_progress" and not self._settings.import_cancellable:
            raise ConvexError(500, "InternalServerError", "Your request couldn't be completed. Try again later.")
        job.enter("failed", error_message="Import canceled")

    def one(self, import_id: str) -> dict[str, Any] | None:
        """Return an import as it is now."""
        if import_id not in self._all:
            return None
        self._all[import_id].looks += 1
        return self._described(self._found(import_id))

    def listed(self) -> list[dict[str, Any]]:
        """Return the last imports, the newest first."""
        return [self._described(self._found(import_id)) for import_id in [*self._all][: -LISTED - 1 : -1]]

    def _new(self) -> Import:
        ts = self._store.commit_ts()
        job = Import(encode_id(IMPORTS_TABLE_NUMBER, ts.to_bytes(16)), ts)
        self._all[job.id] = job
        return job

    def _hide(self, job: Import, place: Place, rows: list[dict[str, Any]], number: int | None) -> None:
        """Make the hidden tablet of a table, which keeps the table's number unless the rows' ids bring another."""
        numbers = {decode_id(row["_id"])[0] for row in rows if "_id" in row}
        if len(numbers) > 1:
            raise ImportFailedError(f"the ids of table {place[1]} belong to several tables")
        tablet = self._store.create(*place, self._store.commit_ts(), hidden=True, number=next(iter(numbers), number))
        job.tablets[place], job.rows[place], job.totals[place] = tablet, rows, len(rows)

    def _found(self, import_id: str) -> Import:
        """Return an import, having let it do what it would have done by now."""
        job = self._all.get(import_id)
        if job is None:
            raise ConvexError(404, "ImportNotFound", f"import {import_id} not found")
        settings = self._settings
        done = share_done(time.monotonic() - job.since, settings.import_seconds, job.looks, settings.import_looks)
        if job.body and job.state["state"] == "uploaded" and done == 1:
            self._look_at(job)
        elif job.body and job.state["state"] == "in_progress" and settings.import_outcome != "stuck":
            if done < 1:
                left = max((len(rows) for rows in job.rows.values()), default=0)
                self.proceed(job.id, int(left * done))
            elif settings.import_outcome == "failed":
                self._failed(job, ImportFailedError(settings.import_error))
            else:
                self.finish(job.id)
        return job

    def _look_at(self, job: Import) -> None:
        """Count what the archive holds and what it would replace: an import waits to be confirmed after that."""
        try:
            job.parsed = parsed(job.body, self._settings.reads_uniform)
        except ImportFailedError as error:
            self._failed(job, error)
            return
        for place, table in job.parsed.items():
            active = self._store.active(*place)
            job.totals[place], job.existing[place] = len(table.lines), active.size if active else 0
        message = "Import change summary:\nOnce the import has started, it will run in the background."
        job.enter("waiting_for_confirmation", message_to_confirm=message, require_manual_confirmation=True)
        if self._settings.import_unasked:
            self._begin(job)

    def _begin(self, job: Import) -> None:
        """Make the hidden tablets that get the rows."""
        job.enter("in_progress", progress_message=self._settings.import_progress, checkpoint_messages=[])
        try:
            for place, table in job.parsed.items():
                self._hide(job, place, table.documents(), None)
        except ImportFailedError as error:
            self._failed(job, error)

    def _failed(self, job: Import, error: ImportFailedError) -> None:
        job.enter("failed", error_message=f"Hit an error while importing:\n{error}")

    def _described(self, job: Import) -> dict[str, Any]:
        return {
            "_id": job.id,
            "_creationTime": job.created_ts / 1e6,
            "state": job.state,
            "mode": self._settings.import_mode_told or job.mode[0].upper() + job.mode[1:],
            "format": {"format": "zip"},
            "component_path": None,
            "checkpoints": self._checkpoints(job) if job.totals else None,
        }

    def _checkpoints(self, job: Import) -> list[dict[str, Any]]:
        """Return a checkpoint for each table; what a test has said of one goes first."""
        told = self._settings.import_checkpoints
        places = [*job.totals, *(("", name) for name in told if ("", name) not in job.totals)]
        changes = {place: told.get(place[1], {}) for place in places}
        return [self._checkpoint(job, place) | change for place, change in changes.items() if change is not None]

    def _checkpoint(self, job: Import, place: Place) -> dict[str, Any]:
        existing = job.existing.get(place, 0)
        total = job.totals.get(place, 0)
        return {
            "component_path": place[0] or None,
            "display_table_name": place[1],
            "tablet_id": None,
            "total_num_rows_to_write": total,
            "num_rows_written": total - len(job.rows[place]) if place in job.rows else 0,
            "existing_rows_in_table": existing,
            "existing_rows_to_delete": existing if job.mode.startswith("replace") else 0,
            "is_missing_id_field": True,
        }
