"""A page of changes, as `POST /api/v1/data/sync` gives it; the older API's pages are brought to the same form.

Shape and meaning: convex-backend, `npm-packages/@convex-dev/platform/deployment-openapi.json`.
"""

from typing import Any, Literal, Protocol

import msgspec

from convex.tables import TableName

NO_LONGER_KEPT = "the deployment no longer keeps the changes since the last sync"


class Status(msgspec.Struct):
    """Only at `upToDate` and `stale` does all that has come so far make one state, that of `snapshotTs`."""

    type: Literal["snapshotting", "stale", "upToDate"]
    snapshotTs: int | None = None  # noqa: N815 (the API's name)


class Truncate(msgspec.Struct, frozen=True):
    """All that has come of this table so far no longer counts. Stands before the page's values."""

    component: str
    table: str


class Value(msgspec.Struct, gc=False):
    """A document that was written, or the `_id` of one that was deleted; `ts` is in nanoseconds since 1970."""

    component: str
    table: str
    ts: int
    deleted: bool
    value: msgspec.Raw


class Pagination(msgspec.Struct):
    """Where the next page begins."""

    nextCursor: str  # noqa: N815 (the API's name)


class Page(msgspec.Struct):
    """What one request gave: truncates first, then the values in their order."""

    status: Status
    truncates: list[Truncate]
    values: list[Value]
    pagination: Pagination

    @property
    def cursor(self) -> str:
        """Where the next page begins."""
        return self.pagination.nextCursor

    @property
    def is_up_to_date(self) -> bool:
        """Tell whether the deployment had nothing newer when it made the page."""
        return self.status.type == "upToDate"


decode_page = msgspec.json.Decoder(Page).decode


def selection_of(tables: list[TableName], included: str = "included", excluded: str = "excluded") -> dict[str, Any]:
    """Return what selects these tables. The short words `incl` and `excl` are those that older versions know."""
    selection: dict[str, Any] = {"_other": excluded}
    for table in tables:
        selection.setdefault(table.component, {"_other": excluded})[table.table] = {"_other": included}
    return selection


class PageSource(Protocol):
    """An API that gives a deployment's changes page by page."""

    name: str
    tells_truncates: bool
    """Whether a truncate stands before every table that begins to come."""

    def fetch(self, cursor: str | None, tables: list[TableName]) -> tuple[Page, bytes | bytearray]:
        """Return the page after `cursor` (None: the first one of all), and its JSON text, which `decode_page` reads.

        Raises CursorExpired where the deployment no longer has what came after the cursor, and CommandError.
        """
        ...

    def forget(self, cursor: str, dirty: list[TableName], tables: list[TableName]) -> tuple[Page, bytes | bytearray]:
        """Return a page after which some tables are fetched from scratch, each with a truncate before it."""
        ...


class CursorExpired(Exception):
    """What came after the cursor can't be had: only a sync from the beginning helps. Says why."""
