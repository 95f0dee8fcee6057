"""Snapshot exports (convex-backend, `crates/application/src/exports`, `crates/exports/src/lib.rs`)."""

import io
import json
import time
from dataclasses import dataclass
from typing import Any

from benchmarks.convex_zip import ZipStream
from convex_deployment.errors import ConvexError
from convex_deployment.ids import encode_id
from convex_deployment.settings import Settings, share_done
from convex_deployment.store import Store

KEPT_SECONDS = 14 * 86_400


@dataclass
class Export:
    """One export. It is requested, then in progress, and ends as the settings say."""

    id: str
    requestor: str
    requested_ts: int
    started: float
    """Monotonic seconds."""
    looks: int = 0
    """How many times somebody asked after it."""
    outcome: dict[str, Any] | None = None
    zip: bytes = b""


class Exports:
    """The exports of a deployment; it makes one at a time."""

    def __init__(self, store: Store, settings: Settings):
        self._store = store
        self._settings = settings
        self._all: list[Export] = []

    def request(self) -> None:
        """Begin an export. The answer doesn't name it."""
        if self._settings.export_by_others or (self._all and self._state(self._all[-1])["state"] in _RUNNING):
            raise ConvexError(400, "ExportInProgress", "There is already an export in progress.")
        export_id = encode_id(30, self._store.commit_ts().to_bytes(16))
        self._all.append(Export(export_id, "snapshotExport", self._store.now(), time.monotonic()))

    def latest(self) -> dict[str, Any] | None:
        """Return the newest export as `getLatest` does, with int64 as decimal strings."""
        if not self._all:
            return None
        self._all[-1].looks += 1
        return self._described(self._all[-1])

    def body(self, key: str) -> tuple[bytes, str]:
        """Return the ZIP of an export by its id or its `start_ts`, and the name that it is downloaded under."""
        for export in self._all:
            state = self._state(export)
            if key not in (export.id, state.get("start_ts")):
                continue
            if self._settings.export_expired:
                break
            if state["state"] != "completed":
                raise ConvexError(400, "ExportNotComplete", "the export is not complete")
            return export.zip, f"snapshot_convex-test_{state['start_ts']}.zip"
        raise ConvexError(404, "ExportNotFound", "there is no such export")

    def _described(self, export: Export) -> dict[str, Any]:
        return {
            "_id": export.id,
            "_creationTime": export.requested_ts / 1e6,
            "requestor": export.requestor,
            "format": {"format": "zip", "include_storage": False},
            "expiration_ts": str(export.requested_ts + int(KEPT_SECONDS * 1e9)),
            **self._state(export),
        }

    def _state(self, export: Export) -> dict[str, Any]:
        if export.outcome is not None:
            return export.outcome
        settings, elapsed = self._settings, time.monotonic() - export.started
        done = share_done(elapsed, settings.export_seconds, export.looks, settings.export_looks)
        outcome = settings.export_outcome
        if done < 1 / 4:
            return {"state": "requested"}
        if done < 1 or outcome == "stuck":
            total = sum(tablet.size for tablet in self._store.living())
            message = f"Backing up messages: {int(total * done):,} / {total:,} documents"
            return {"state": "in_progress", "start_ts": str(export.requested_ts), "progress_message": message}
        now = self._store.now()
        if outcome == "completed":
            export.zip = self._zip(now)
            export.outcome = {
                "state": "completed",
                "start_ts": str(now),
                "complete_ts": str(now + 1_000_000),
                "zip_object_key": "exports/1",
                "size": str(len(export.zip)),
            }
        else:
            export.outcome = {"state": outcome, "start_ts": str(export.requested_ts), f"{outcome}_ts": str(now)}
        return export.outcome

    def _zip(self, ts: int) -> bytes:
        file = io.BytesIO()
        archive = ZipStream(file)
        archive.add("README.md", [b"# Welcome to your Convex snapshot export!\n"])
        tablets = [t for t in self._store.living() if t.is_active]
        for component in sorted({"", *(tablet.component for tablet in tablets)}):
            listing = sorted((t.number, t.name) for t in tablets if t.component == component)
            lines = b"".join(b'{"name":"%s","id":%d}\n' % (name.encode(), number) for number, name in listing)
            archive.add(f"{_prefix(component)}_tables/documents.jsonl", [lines])
        for tablet in sorted(tablets, key=lambda tablet: tablet.size):
            texts = (tablet.at(document_id, ts)[1] for document_id in tablet.ids)
            lines = b"".join(text + b"\n" for text in texts if text is not None)
            name = f"{_prefix(tablet.component)}{tablet.name}"
            archive.add(f"{name}/documents.jsonl", [lines])
            archive.add(f"{name}/generated_schema.jsonl", [json.dumps("uniform").encode() + b"\n"])
        archive.close()
        return file.getvalue()


_RUNNING = ("requested", "in_progress")


def _prefix(component: str) -> str:
    return "".join(f"_components/{part}/" for part in component.split("/") if part)
