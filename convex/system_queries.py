"""What a deployment reports about itself: its tables, their sizes, its exports and imports.

The functions are those of Convex's own command line (convex-backend, `npm-packages/system-udfs/convex/_system/cli`).
"""

import re
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec

from common.errors import CommandError
from common.text import visible
from convex.client import Client
from convex.errors import not_permitted
from convex.tables import TableName

RESTING = frozenset({"uploaded", "waiting_for_confirmation"})
FAILED = frozenset({"failed", "canceled", "cancelled"})
ENDED = FAILED | {"completed"}
Nanoseconds = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,19}$")]
OLDEST_BACKEND = "2025-07-01"
"""Self-hosted backends that were built earlier have no API that reports changes."""
_PERMISSION = re.compile(r"do not have permission", re.IGNORECASE)
_NO_FUNCTION = re.compile(r"Could not find (public )?function", re.IGNORECASE)
_NO_COMPONENT = re.compile(r"Component .*not found", re.IGNORECASE)
ALL_ITEMS = {"cursor": None, "numItems": 10_000}


class FunctionError(CommandError):
    """A system function of the deployment failed."""


class FunctionMissing(CommandError):
    """The deployment doesn't have the system function: it is older than the function is."""


@dataclass(frozen=True)
class Import:
    """One `npx convex import`. `tables` is None where it isn't known yet what it writes."""

    id: str
    state: str
    tables: frozenset[TableName] | None
    began: datetime | None = None

    @property
    def is_running(self) -> bool:
        """Tell whether it may be writing now. A state that isn't known counts as running."""
        return self.state not in RESTING | ENDED

    def touches(self, tables: Collection[TableName]) -> bool:
        """Tell whether it may write one of the tables."""
        return self.tables is None or not self.tables.isdisjoint(tables)

    def __str__(self) -> str:
        """Say which it is: what it writes, and since when."""
        tables = f" of {', '.join(sorted(map(str, self.tables)))}" if self.tables else ""
        since = f", begun {self.began:%Y-%m-%d %H:%M} UTC" if self.began else ""
        return f"import {visible(self.id)}{tables} ({visible(self.state)}{since})"


@dataclass(frozen=True)
class TableLook:
    """A table at one moment: the number of its documents, and the `_id` of the oldest of them, if any.

    `size` is None where an older backend can't tell it, and the table isn't empty.
    """

    size: int | None
    oldest: str | None


class Export(msgspec.Struct, frozen=True):
    """A snapshot export. Times are nanoseconds since 1970, as text; `start_ts` is the snapshot's once it is there."""

    id: str = msgspec.field(name="_id")
    state: str
    start_ts: Nanoseconds | None = None
    expiration_ts: Nanoseconds | None = None
    progress_message: str | None = None


class _Value(msgspec.Struct, tag_field="status", tag="success"):
    value: Any = None


class _Failure(msgspec.Struct, tag_field="status", tag="error"):
    message: str = msgspec.field(name="errorMessage")


class _Named(msgspec.Struct):
    name: str


class _Tables(msgspec.Struct):
    page: list[_Named]


class _Documents(msgspec.Struct):
    page: list[dict[str, Any]]


class _State(msgspec.Struct):
    state: str


class _Checkpoint(msgspec.Struct):
    display_table_name: str
    component_path: str | None = None


class _Import(msgspec.Struct):
    id: str = msgspec.field(name="_id")
    state: _State
    checkpoints: list[_Checkpoint] | None = None
    created: float | None = msgspec.field(name="_creationTime", default=None)


class Queries:
    """Asks a deployment's system functions. Each method raises CommandError for an answer of another form.

    Each raises FunctionError where the function fails, FunctionMissing where the backend is too old to have it, and
    ApiError where the key may not ask it.
    """

    def __init__(self, client: Client):
        self._client = client

    def imports(self) -> list[Import]:
        """Return the last 20 imports."""
        found = self._call("_system/cli/queryImport:list", {}, list[_Import] | None) or []
        return [
            Import(content.id, content.state.state, self._imported(content), _time(content.created))
            for content in found
        ]

    def one_import(self, import_id: str) -> dict[str, Any] | None:
        """Return an import as the deployment has it; its 64-bit integers are decimal strings."""
        return self._call("_system/cli/queryImport", {"importId": import_id}, dict[str, Any] | None)

    def tables(self, components: Collection[str]) -> set[TableName]:
        """Return the tables of these components. A component that isn't there has none."""
        found = set()
        for component in components:
            try:
                tables = self._call("_system/cli/tables", {"paginationOpts": ALL_ITEMS}, _Tables, component)
            except FunctionError as error:
                if component and _NO_COMPONENT.search(str(error)):
                    continue
                raise
            found |= {self._name(component, table.name) for table in tables.page}
        return found

    def size(self, table: TableName) -> int:
        """Return how many documents a table has."""
        return int(self._call("_system/cli/tableSize", {"tableName": table.table}, float, table.component))

    def look(self, table: TableName) -> TableLook:
        """Return how many documents a table has, and the oldest of them."""
        size = self.size_if_told(table)
        oldest = self.oldest(table) if size != 0 else None
        return TableLook(size if oldest or size is not None else 0, str(oldest.get("_id")) if oldest else None)

    def size_if_told(self, table: TableName) -> int | None:
        """Return how many documents a table has; None where the backend is older than that function (2025-10)."""
        try:
            return self.size(table)
        except FunctionMissing:
            return None

    def oldest(self, table: TableName) -> dict[str, Any] | None:
        """Return the oldest document of a table; its 64-bit integers are decimal strings."""
        options = {"table": table.table, "order": "asc", "paginationOpts": {"cursor": None, "numItems": 1}}
        page = self._call("_system/cli/tableData", options, _Documents, table.component).page
        return page[0] if page else None

    def latest_export(self) -> Export | None:
        """Return the newest snapshot export."""
        return self._call("_system/cli/exports:getLatest", {}, Export | None)

    def _call(self, path: str, args: dict[str, Any], kind: Any, component: str = "") -> Any:
        """Return a function's value, which has to be of a kind. Raises FunctionError where the function fails."""
        deployment = self._client.deployment
        body = {"path": path, "args": args, "format": "json"}
        if component:
            body["componentPath"] = component
        content = self._client.request("POST", "/api/function" if component else "/api/query", body=body)
        try:
            answer = msgspec.convert(content, _Value | _Failure)
            if isinstance(answer, _Value):
                return msgspec.convert(answer.value, kind)
        except msgspec.ValidationError as error:
            raise CommandError(
                f"{deployment.url} answers {path} in a form that isn't known ({error}): upgrade the backend, "
                "or this project"
            ) from error
        message = visible(deployment.without_key(first_line(answer.message)))[:300]
        if _PERMISSION.search(message):
            raise not_permitted(deployment, message)
        if _NO_FUNCTION.search(message):
            raise FunctionMissing(
                f"{deployment.url} has no {path}: the backend is too old. Upgrade it: {OLDEST_BACKEND} is the oldest "
                "that is supported"
            )
        raise FunctionError(f"{deployment.url} can't answer {path}: {message}")

    @staticmethod
    def _imported(content: _Import) -> frozenset[TableName] | None:
        places = [(c.component_path or "", c.display_table_name) for c in content.checkpoints or ()]
        with suppress(ValueError):  # for a name that no table can have: it isn't known what it writes
            return frozenset(TableName(*place) for place in places if not place[1].startswith("_")) if places else None
        return None

    def _name(self, component: str, table: str) -> TableName:
        try:
            return TableName(component, table)
        except ValueError as error:
            raise CommandError(f"{self._client.deployment.url} names a table that can't be one: {error}") from None


def first_line(message: str) -> str:
    """Return what a function's failure says, without the request's id, Convex's headings, and the stack below it."""
    lines = [re.sub(r"^\[Request ID: [^\]]*\]\s*", "", line.strip()) for line in message.splitlines()]
    reasons = [re.sub(r"^(Server Error:?|Uncaught (\w*Error)?:?)\s*", "", line) for line in lines]
    return next((line for line in reasons if line), "it doesn't say why")


def _time(milliseconds: float | None) -> datetime | None:
    with suppress(ValueError, OverflowError, OSError, TypeError):
        return datetime.fromtimestamp((milliseconds or 0) / 1000, UTC) if milliseconds else None
    return None
