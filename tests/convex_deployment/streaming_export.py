"""The older API, `list_snapshot` and `document_deltas` (convex-backend, `local_backend/src/streaming_export.rs`)."""

import bisect
import json
from typing import Any

from convex_deployment.errors import ConvexError
from convex_deployment.selections import Selection
from convex_deployment.settings import Settings
from convex_deployment.store import Store, Tablet
from convex_deployment.values import recoded

FORMATS = ("json", "convex_clean_json", "convex_encoded_json", "convex_json", "export_json")
SNAPSHOT_SECONDS = 5 * 86_400


class StreamingExport:
    """Makes the older API's pages. It knows no truncates, and hidden tablets are in it like the others."""

    def __init__(self, store: Store, settings: Settings):
        self._store = store
        self._settings = settings
        self._conflict_ts = 0

    def restart(self) -> None:
        """Have cursors from before now conflict with what an import has put in place, see `deltas_conflict`."""
        self._conflict_ts = self._store.now()

    def list_snapshot(self, arguments: dict[str, Any]) -> bytes:
        """Return one page of one table as of `snapshot`."""
        encoding, selection = self._encoding(arguments), self._selection(arguments)
        now = self._store.now()
        snapshot = int(arguments.get("snapshot") or now)
        if snapshot > now:
            raise ConvexError(400, "SnapshotTooNew", "the snapshot is in the future")
        if snapshot < now - SNAPSHOT_SECONDS * 1e9:
            raise ConvexError(400, "SnapshotTooOld", "the snapshot is too old")
        tablets = [t for t in self._store.living() if selection.takes(t.component, t.name)]
        position = self._position(arguments.get("cursor"))
        values: list[bytes] = []
        following = None
        for tablet in tablets:
            if tablet.id < position["tablet"]:
                continue
            start = bisect.bisect_right(tablet.ids, position["id"]) if tablet.id == position["tablet"] else 0
            for document_id in tablet.ids[start:]:
                ts, text = tablet.at(document_id, snapshot)
                if text is None:
                    continue
                values.append(_flat(tablet, ts, recoded(text, encoding)))
                following = {"tablet": tablet.id, "id": document_id}
                if len(values) >= self._settings.snapshot_page:
                    break
            if values:
                break
        has_more = following is not None and (following["id"] != tablet.ids[-1] or tablet is not tablets[-1])
        head = json.dumps(
            {"snapshot": snapshot, "cursor": json.dumps(following) if has_more else None, "hasMore": has_more}
        )
        return b'{"values":[' + b",".join(values) + b"]," + head[1:].encode()

    def document_deltas(self, arguments: dict[str, Any]) -> bytes:
        """Return what changed after `cursor`, whole timestamps at a time."""
        encoding, selection = self._encoding(arguments), self._selection(arguments)
        if arguments.get("cursor") is None:
            raise ConvexError(400, "DocumentDeltasCursorRequired", "cursor is required")
        cursor, now = int(arguments["cursor"]), self._store.now()
        if cursor < now - self._settings.retention_seconds * 1e9:
            raise ConvexError(400, "InvalidWindowToReadDocuments", "the cursor is out of the retention window")
        if self._settings.deltas_conflict and cursor < self._conflict_ts:
            raise ConvexError(409)
        log = self._store.log
        place = self._store.log_after(cursor)
        last = place
        values = []
        while last < len(log) and (last - place < self._settings.delta_rows or log[last].ts == log[last - 1].ts):
            entry = log[last]
            last += 1
            tablet = entry.tablet
            if tablet.ended_ts is None and selection.takes(tablet.component, tablet.name):
                text = entry.text or b'{"_id":"%s"}' % entry.document_id.encode()
                values.append(_flat(tablet, entry.ts, recoded(text, encoding), entry.text is None))
        has_more = last < len(log)
        tail = json.dumps({"cursor": log[last - 1].ts if has_more else now, "hasMore": has_more})
        return b'{"values":[' + b",".join(values) + b"]," + tail[1:].encode()

    def json_schemas(self, arguments: dict[str, Any]) -> bytes:
        """Return a JSON Schema for each table; what is said of the fields is little."""
        schemas = {}
        metadata = {"_table": "string", "_component": "string", "_ts": "integer", "_deleted": "boolean"}
        for tablet in self._store.living():
            if tablet.is_active:
                fields = {"_id": {"type": "string"}, "_creationTime": {"type": "number"}}
                if arguments.get("deltaSchema") in ("true", True):
                    fields |= {name: {"type": kind} for name, kind in metadata.items()}
                schemas[tablet.name] = {
                    "$schema": "http://json-schema.org/draft-07/schema#",
                    "type": "object",
                    "properties": fields,
                    "additionalProperties": True,
                    "required": ["_id", "_creationTime"],
                }
        return json.dumps(schemas).encode()

    def column_names(self) -> bytes:
        """Return the tables of each component, with the fields of their first document."""
        components: dict[str, list[dict[str, Any]]] = {}
        for tablet in self._store.living():
            if tablet.is_active:
                text = next((tablet.history[i][-1][1] for i in tablet.ids if tablet.history[i][-1][1]), b"{}")
                columns = sorted(json.loads(text or b"{}"))
                components.setdefault(tablet.component, []).append({"name": tablet.name, "columns": columns})
        return json.dumps({"byComponent": components}).encode()

    def _encoding(self, arguments: dict[str, Any]) -> str:
        encoding = arguments.get("format") or "json"
        if encoding not in FORMATS:
            raise ConvexError(400, "BadFormat", f"unknown format {encoding}")
        return encoding

    def _selection(self, arguments: dict[str, Any]) -> Selection:
        if arguments.get("selection") is not None:
            return Selection.parse(arguments["selection"])
        table = arguments.get("tableName")
        if table and self._settings.table_name_honoured:
            component = arguments.get("component") or ""
            rest = {"_other": "excluded"}
            return Selection(rest | {component: rest | {table: {"_other": "included"}}})
        return Selection()

    @staticmethod
    def _position(cursor: str | None) -> dict[str, str]:
        try:
            return json.loads(cursor) if cursor else {"tablet": "", "id": ""}
        except ValueError:
            raise ConvexError(400, "InvalidListSnapshotCursor", "the cursor can't be read") from None


def _flat(tablet: Tablet, ts: int, text: bytes, deleted: bool | None = None) -> bytes:
    said = b"" if deleted is None else b'"_deleted":%s,' % (b"true" if deleted else b"false")
    place = b'"_component":"%s",%s"_table":"%s","_ts":%d,' % (
        tablet.component.encode(),
        said,
        tablet.name.encode(),
        ts,
    )
    return b"{" + place + text[1:]
