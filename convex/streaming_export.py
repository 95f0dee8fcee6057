"""The older API, `list_snapshot` and `document_deltas`, for deployments built before 2026-07-10.

It knows no truncates, and only filters by table where it is new enough; so the first page truncates every table that
is followed, and what comes of others is dropped. Documents come in `convex_encoded_json`, which all its versions
have, with their metadata among the fields; they are brought to the text that Data Sync would give.
"""

import base64
import re
from http import HTTPStatus
from typing import Any

import msgspec

from common.errors import CommandError
from convex.backend import lacks_older_api
from convex.client import ApiError, Client
from convex.pages import (
    NO_LONGER_KEPT,
    CursorExpired,
    Page,
    Pagination,
    Status,
    Truncate,
    Value,
    decode_page,
    selection_of,
)
from convex.system_queries import OLDEST_BACKEND
from convex.tables import TableName

FORMAT = "convex_encoded_json"
METADATA = ("_component", "_table", "_ts", "_deleted")
EXPIRED = frozenset({"SnapshotTooOld", "InvalidWindowToReadDocuments", "InvalidListSnapshotCursor"})

# No text inside a document can look like these: there, each quote would have a backslash before it.
_ENCODED = re.compile(rb'\{"\$(integer|float)":"([A-Za-z0-9+/=]{12})"\}')
_MINUS_ZERO = base64.b64encode(bytes(7) + b"\x80")

_encode = msgspec.json.encode


class _Cursor(msgspec.Struct):
    """Within a snapshot: its time, and where its next page begins. After it: the time up to which all has come."""

    tables: list[str]
    snapshot: int | None = None
    page: str | None = None
    delta: int | None = None


class _Metadata(msgspec.Struct):
    table: str = msgspec.field(name="_table")
    ts: int = msgspec.field(name="_ts")
    component: str = msgspec.field(name="_component", default="")
    deleted: bool = msgspec.field(name="_deleted", default=False)


class _Answer(msgspec.Struct):
    values: list[dict[str, msgspec.Raw]]
    hasMore: bool  # noqa: N815 (the API's name)
    snapshot: int | None = None
    cursor: str | int | None = None


_decode_answer = msgspec.json.Decoder(_Answer).decode


class StreamingExport:
    """Gives the older API's pages in the form of the newer one."""

    name = "streaming_export"
    tells_truncates = False

    def __init__(self, client: Client):
        self._client = client
        self._is_after_conflict = False

    def fetch(self, cursor: str | None, tables: list[TableName]) -> tuple[Page, bytes | bytearray]:
        """Return the page after `cursor`, see `PageSource`."""
        selected = [*map(str, tables)]
        position = msgspec.json.decode(cursor, type=_Cursor) if cursor else None
        if position is None or not {*selected} <= {*position.tables}:
            position = _Cursor(selected)  # a table that is new to the selection needs a snapshot, which is of all
        try:
            page = self._snapshot(position, tables) if position.delta is None else self._deltas(position.delta, tables)
        except msgspec.ValidationError as error:
            raise CommandError(
                f"{self._client.deployment.url} answers in a form that isn't known ({error}): upgrade the backend, "
                "or this project"
            ) from error
        text = _encode(page)
        return decode_page(text), text

    def forget(self, cursor: str, dirty: list[TableName], tables: list[TableName]) -> tuple[Page, bytes | bytearray]:
        """Begin again, as a snapshot can't be had of some tables alone."""
        del cursor, dirty
        return self.fetch(None, tables)

    def _snapshot(self, position: _Cursor, tables: list[TableName]) -> Page:
        body: dict[str, Any] = {"format": FORMAT, "selection": selection_of(tables, "incl", "excl")}
        if position.snapshot is not None:
            body |= {"snapshot": position.snapshot, "cursor": position.page}
        answer = self._ask("list_snapshot", body)
        truncates = [Truncate(t.component, t.table) for t in tables] if position.snapshot is None else []
        followed = [*map(str, tables)]  # and no others, should the selection have become narrower
        if answer.hasMore:
            following, status = _Cursor(followed, answer.snapshot, str(answer.cursor)), Status("snapshotting")
        else:
            following, status = _Cursor(followed, delta=answer.snapshot), Status("stale", answer.snapshot)
        return _page(status, truncates, answer, following, tables)

    def _deltas(self, after: int, tables: list[TableName]) -> Page:
        answer = self._ask(
            "document_deltas", {"format": FORMAT, "selection": selection_of(tables, "incl", "excl"), "cursor": after}
        )
        self._is_after_conflict = False
        ts = msgspec.convert(answer.cursor or after, int, strict=False)
        status = Status("stale" if answer.hasMore else "upToDate", ts)
        return _page(status, [], answer, _Cursor([*map(str, tables)], delta=ts), tables)

    def _ask(self, endpoint: str, body: dict[str, Any]) -> _Answer:
        try:
            return self._client.request(
                "POST",
                f"/api/{endpoint}",
                body=body,
                read=_decode_answer,
                is_missing=lacks_older_api(self._client),
            )
        except ApiError as error:
            if error.code in EXPIRED:
                raise CursorExpired(NO_LONGER_KEPT) from error
            if error.status == HTTPStatus.CONFLICT and endpoint == "document_deltas" and not self._is_after_conflict:
                self._is_after_conflict = True
                raise CursorExpired(
                    "the deployment's changes can't be followed on (409), as after an import"
                ) from error
            if error.status == HTTPStatus.NOT_FOUND and not error.code:
                raise CommandError(
                    f"{self._client.deployment.url} has no API that reports changes: upgrade the backend, of which "
                    f"{OLDEST_BACKEND} is the oldest that is supported, or land a whole export with "
                    "python -m extract snapshot"
                ) from error
            raise


def _page(
    status: Status, truncates: list[Truncate], answer: _Answer, following: _Cursor, tables: list[TableName]
) -> Page:
    followed = {(table.component, table.table) for table in tables}
    values = [value for value in map(_value, answer.values) if (value.component, value.table) in followed]
    return Page(status, truncates, values, Pagination(_encode(following).decode()))


def _value(fields: dict[str, msgspec.Raw]) -> Value:
    """Part the document from its metadata. The values' texts stay as they are, and so does the fields' order."""
    metadata = msgspec.json.decode(_encode({name: fields[name] for name in METADATA if name in fields}), type=_Metadata)
    text = _ENCODED.sub(_exported, _encode({name: text for name, text in fields.items() if name not in METADATA}))
    return Value(metadata.component, metadata.table, metadata.ts, metadata.deleted, msgspec.Raw(text))


def _exported(match: re.Match[bytes]) -> bytes:
    """Write a 64-bit integer as a number, and -0.0, as `export_json` does; other special floats stay as they are."""
    if match[1] == b"integer":
        return str(int.from_bytes(base64.b64decode(match[2]), "little", signed=True)).encode()
    return b"-0.0" if match[2] == _MINUS_ZERO else match[0]
