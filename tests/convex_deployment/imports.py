"""`npx convex import --replace`, as far as what reads the deployment meanwhile can see it.

The replacement's rows are written to hidden tablets, which take the place of the tables in one transaction
(convex-backend, `crates/application/src/snapshot_import`).
"""

from dataclasses import dataclass, field
from typing import Any

from convex_deployment.ids import encode_id
from convex_deployment.store import Store, Tablet

LISTED = 20


@dataclass
class Import:
    """One import with its hidden tablets, and the rows that each has still to get."""

    id: str
    created_ts: int
    tablets: dict[str, Tablet]
    rows: dict[str, list[dict[str, Any]]]
    totals: dict[str, int]
    state: dict[str, Any] = field(default_factory=lambda: {"state": "in_progress"})


class Imports:
    """The imports of a deployment, oldest first."""

    def __init__(self, store: Store):
        self._store = store
        self._all: dict[str, Import] = {}

    def start(self, tables: dict[str, list[dict[str, Any]]], component: str, keep_ids: bool) -> str:
        """Begin an import: from now on, hidden tablets stand beside the tables."""
        ts = self._store.commit_ts()
        tablets = {}
        for name, rows in tables.items():
            active = self._store.active(component, name)
            number = active.number if active and keep_ids else None
            tablets[name] = self._store.create(component, name, ts, hidden=True, number=number)
            if not keep_ids:
                tables[name] = [{k: v for k, v in row.items() if k != "_id"} for row in rows]
        import_id = encode_id(31, ts.to_bytes(16))
        totals = {name: len(rows) for name, rows in tables.items()}
        self._all[import_id] = Import(import_id, ts, tablets, tables, totals)
        return import_id

    def proceed(self, import_id: str, rows: int | None = None) -> None:
        """Write some of the rows of each table, or all of them, in one transaction."""
        job = self._all[import_id]
        ts = self._store.commit_ts()
        for name, tablet in job.tablets.items():
            count = len(job.rows[name]) if rows is None else rows
            for fields in job.rows[name][:count]:
                self._store.insert(tablet, fields, ts)
            job.rows[name] = job.rows[name][count:]

    def finish(self, import_id: str) -> None:
        """Write the rest, and swap in one transaction. What held the tables before ends without an event."""
        self.proceed(import_id)
        job = self._all[import_id]
        ts = self._store.commit_ts()
        for tablet in job.tablets.values():
            if active := self._store.active(*tablet.place):
                active.ended_ts = ts
            tablet.active_from = ts
        job.state = {"state": "completed", "num_rows_written": sum(job.totals.values()), "timestamp": ts}

    def fail(self, import_id: str, state: str) -> None:
        """End an import in vain: its hidden tablets stay."""
        self._all[import_id].state = {"state": state, "error_message": "the import was stopped"}

    def listed(self) -> list[dict[str, Any]]:
        """Return the last imports, the newest first."""
        return [self._described(job) for job in [*self._all.values()][: -LISTED - 1 : -1]]

    def _described(self, job: Import) -> dict[str, Any]:
        return {
            "_id": job.id,
            "_creationTime": job.created_ts / 1e6,
            "state": job.state,
            "mode": {"mode": "replace"},
            "checkpoints": [
                {
                    "component_path": tablet.component,
                    "display_table_name": name,
                    "total_num_rows_to_write": job.totals[name],
                    "num_rows_written": job.totals[name] - len(job.rows[name]),
                }
                for name, tablet in job.tablets.items()
            ],
        }
