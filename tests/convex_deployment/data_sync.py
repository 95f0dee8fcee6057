"""`POST /api/v1/data/sync` (convex-backend, `crates/table_iteration/src/data_sync.rs`, `crates/streaming_export`)."""

import bisect
import hashlib
import hmac
import itertools
import json
import os
import uuid
from dataclasses import asdict, dataclass, field
from typing import Any

from convex_deployment.errors import ConvexError
from convex_deployment.selections import Selection
from convex_deployment.settings import Settings
from convex_deployment.store import Entry, Store, Tablet


@dataclass
class Cursor:
    """How far a client has come: all of `walked`, and `current` up to `last`, as of `synced_ts`."""

    synced_ts: int
    sync_id: str
    walked: list[str] = field(default_factory=list)
    current: str | None = None
    last: str = ""


class DataSync:
    """Makes pages. A cursor says everything that has to be known for the next one; clients can't read it."""

    def __init__(self, store: Store, settings: Settings):
        self._store = store
        self._settings = settings
        self._secret = os.urandom(32)
        self._active: dict[str, dict[str, Any]] = {}

    def rotate_secret(self) -> None:
        """Make every cursor invalid, as restoring the deployment from a backup does."""
        self._secret = os.urandom(32)

    def page(self, token: str | None, selection: Selection) -> bytes:
        """Return the JSON text of the page after a cursor."""
        latest = self._store.now()
        tablets = {t.id: t for t in self._store.living() if selection.takes(t.component, t.name)}
        cursor = self._open(token) if token else Cursor(latest, str(uuid.uuid4()))
        if cursor.synced_ts < latest - self._settings.retention_seconds * 1e9:
            raise ConvexError(400, "DataSyncCursorExpired", "the cursor is older than the documents' history")
        tracked = {*cursor.walked, cursor.current}
        cursor.walked = [tablet_id for tablet_id in cursor.walked if tablet_id in tablets]
        if cursor.current not in tablets:
            cursor.current, cursor.last = _next(cursor, tablets), ""
        if cursor.current and self._is_fresh(cursor, latest):
            values = self._walk(cursor, tablets[cursor.current], selection)
            if cursor.current is None:
                cursor.current, cursor.last = _next(cursor, tablets), ""
        else:
            values = self._follow(cursor, tablets, latest, selection)
        started = sorted(tablets[t].place for t in {*cursor.walked, cursor.current} - tracked if t)
        kind = "snapshotting" if cursor.current else "stale" if cursor.synced_ts < latest else "upToDate"
        status = {"type": self._settings.status_type or kind}
        if kind != "snapshotting":
            status["snapshotTs"] = cursor.synced_ts
        self._record(cursor, kind, tablets, len(values))
        return self._text(status, started, values, cursor)

    def _is_fresh(self, cursor: Cursor, latest: int) -> bool:
        if self._settings.freshness_rows is not None:
            behind = len(self._store.log) - self._store.log_after(cursor.synced_ts)
            return behind < self._settings.freshness_rows
        return latest - cursor.synced_ts < self._settings.freshness_seconds * 1e9

    def _walk(self, cursor: Cursor, tablet: Tablet, selection: Selection) -> list[bytes]:
        """Make an ID page: the table's documents as of `synced_ts`, in the order of their ids."""
        values: list[bytes] = []
        head, takes_all = _head(tablet), selection.takes_all_of(*tablet.place)
        entries_left, bytes_left = self._settings.page_entries, self._settings.page_bytes
        for document_id in itertools.islice(tablet.ids, _after(tablet.ids, cursor.last), None):
            ts, text = tablet.history[document_id][-1]
            if ts > cursor.synced_ts:
                ts, text = tablet.at(document_id, cursor.synced_ts)
            cursor.last = document_id
            if text is None:
                continue
            shown = text if takes_all else selection.filtered(*tablet.place, text)
            values.append(b'%s%d,"deleted":false,"value":%s}' % (head, ts, shown))
            entries_left -= 1
            bytes_left -= len(text)
            if entries_left <= 0 or bytes_left <= 0:
                return values
        cursor.walked.append(tablet.id)
        cursor.current = None
        return values

    def _follow(self, cursor: Cursor, tablets: dict[str, Tablet], latest: int, selection: Selection) -> list[bytes]:
        """Make a TS page: what changed after `synced_ts` of documents that had come, whole transactions at a time."""
        values: list[bytes] = []
        size = rows = 0
        walked = {*cursor.walked}
        log = self._store.log
        place = self._store.log_after(cursor.synced_ts)
        while place < len(log):
            entry = log[place]
            if _has_come(entry, walked, cursor):
                values.append(_value(entry.tablet, entry.ts, entry.document_id, entry.text, selection))
                size += len(entry.text or b"")
            rows += 1
            place += 1
            if place < len(log) and log[place].ts == entry.ts:
                continue
            cursor.synced_ts = entry.ts
            limits = self._settings
            if len(values) >= limits.page_entries or size >= limits.page_bytes or rows >= limits.log_rows:
                break
        if place == len(log):
            cursor.synced_ts = latest
        return values

    def _text(
        self, status: dict[str, Any], started: list[tuple[str, str]], values: list[bytes], cursor: Cursor
    ) -> bytes:
        truncates = [{"component": component, "table": table} for component, table in started]
        head = json.dumps({"status": status, "truncates": truncates}, separators=(",", ":")).encode()
        tail = {"syncId": cursor.sync_id, "pagination": {"hasMore": True, "nextCursor": self._seal(cursor)}}
        end = json.dumps(tail, separators=(",", ":")).encode()
        return b"".join((head[:-1], b',"values":[', b",".join(values), b"],", end[1:]))

    def active_syncs(self) -> list[dict[str, Any]]:
        """Return the syncs of the last three days, the last one first."""
        return sorted(self._active.values(), key=lambda sync: sync["lastUpdated"], reverse=True)

    def _record(self, cursor: Cursor, kind: str, tablets: dict[str, Tablet], count: int) -> None:
        known = self._active.get(cursor.sync_id, {"status": {"numDocumentsSynced": 0}})
        synced = known["status"]["numDocumentsSynced"] + count
        status: dict[str, Any] = {"type": kind, "totalTables": len(tablets), "numDocumentsSynced": synced}
        if cursor.current:
            tablet = tablets[cursor.current]
            status |= {
                "numTablesSynced": len(cursor.walked),
                "currentComponent": tablet.component,
                "currentTable": tablet.name,
                "numDocumentsInCurrentTable": _after(tablet.ids, cursor.last),
                "totalDocumentsInCurrentTable": tablet.size,
                "totalDocuments": sum(t.size for t in tablets.values()),
            }
        else:
            status["syncedTs"] = cursor.synced_ts
        updated = self._store.now() // 1_000_000
        self._active[cursor.sync_id] = {"syncId": cursor.sync_id, "lastUpdated": updated, "status": status}

    def cursor_at(self, ts: int, selection: Selection) -> str:
        """Return a cursor to which everything up to a timestamp has come."""
        walked = [tablet.id for tablet in self._store.living() if selection.takes(tablet.component, tablet.name)]
        return self._seal(Cursor(ts, str(uuid.uuid4()), walked))

    def _seal(self, cursor: Cursor) -> str:
        nonce = os.urandom(12)
        text = json.dumps(asdict(cursor)).encode()
        sealed = bytes(a ^ b for a, b in zip(text, self._key_stream(nonce, len(text)), strict=True))
        return (b"\x01" + nonce + self._mark(nonce + sealed) + sealed).hex()

    def _open(self, token: str) -> Cursor:
        try:
            data = bytes.fromhex(token)
        except ValueError:
            data = b""
        nonce, mark, sealed = data[1:13], data[13:29], data[29:]
        if not hmac.compare_digest(mark, self._mark(nonce + sealed)):
            raise ConvexError(400, "InvalidDataSyncCursor", "the cursor isn't one of this deployment")
        text = bytes(a ^ b for a, b in zip(sealed, self._key_stream(nonce, len(sealed)), strict=True))
        return Cursor(**json.loads(text))

    def _mark(self, data: bytes) -> bytes:
        return hmac.digest(self._secret, data, "sha256")[:16]

    def _key_stream(self, nonce: bytes, size: int) -> bytes:
        return hashlib.shake_256(self._secret + nonce).digest(size)


def alpha_form(text: bytes) -> bytes:
    """Bring a page to the form of 2026-07-10: the cursor at the top, metadata among the fields, two states."""
    page = json.loads(text)
    values = [
        {"_component": v["component"], "_table": v["table"], "_ts": v["ts"], "_deleted": v["deleted"], **v["value"]}
        for v in page["values"]
    ]
    status = "inProgress" if page["status"]["type"] == "snapshotting" else "synced"
    return json.dumps({"values": values, "cursor": page["pagination"]["nextCursor"], "status": status}).encode()


def _next(cursor: Cursor, tablets: dict[str, Tablet]) -> str | None:
    return next((tablet_id for tablet_id in sorted(tablets) if tablet_id not in cursor.walked), None)


def _after(ids: list[str], last: str) -> int:
    return bisect.bisect_right(ids, last) if last else 0


def _has_come(entry: Entry, walked: set[str], cursor: Cursor) -> bool:
    if entry.tablet.id in walked:
        return True
    return entry.tablet.id == cursor.current and entry.document_id <= cursor.last


def _head(tablet: Tablet) -> bytes:
    """Return how a value begins, up to its timestamp."""
    return b'{"component":"%s","table":"%s","ts":' % (tablet.component.encode(), tablet.name.encode())


def _value(tablet: Tablet, ts: int, document_id: str, text: bytes | None, selection: Selection) -> bytes:
    value = b'{"_id":"%s"}' % document_id.encode() if text is None else selection.filtered(*tablet.place, text)
    deleted = b"true" if text is None else b"false"
    return b'%s%d,"deleted":%s,"value":%s}' % (_head(tablet), ts, deleted, value)
