"""What a deployment tells of itself: its tables, their sizes, its exports and imports.

The functions are those of Convex's own command line (convex-backend, `npm-packages/system-udfs/convex/_system/cli`).
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from extract.client import Client
from extract.errors import ExtractError
from extract.rawzone import TableName
from extract.text import visible

RESTING = frozenset({"uploaded", "waiting_for_confirmation"})
FAILED = frozenset({"failed", "canceled", "cancelled"})
ENDED = FAILED | {"completed"}
ALL_ITEMS = {"cursor": None, "numItems": 10_000}


class FunctionError(ExtractError):
    """A system function of the deployment failed."""


@dataclass(frozen=True)
class Import:
    """One `npx convex import`. `tables` is None where it isn't known yet what it writes."""

    id: str
    state: str
    tables: frozenset[TableName] | None

    @property
    def is_running(self) -> bool:
        """Tell whether it may be writing now. A state that isn't known counts as running."""
        return self.state not in RESTING | ENDED

    def touches(self, tables: Collection[TableName]) -> bool:
        """Tell whether it may write one of the tables."""
        return self.tables is None or not self.tables.isdisjoint(tables)


@dataclass(frozen=True)
class TableLook:
    """A table at one moment: the number of its documents, and the `_id` of the oldest of them, if any."""

    size: int
    oldest: str | None


class Queries:
    """Asks a deployment's system functions."""

    def __init__(self, client: Client):
        self._client = client

    def imports(self) -> list[Import]:
        """Return the last 20 imports."""
        return [_import(content) for content in self._call("_system/cli/queryImport:list", {}) or []]

    def one_import(self, import_id: str) -> dict[str, Any] | None:
        """Return an import as the deployment has it; its 64-bit integers are decimal strings."""
        return self._call("_system/cli/queryImport", {"importId": import_id})

    def tables(self, components: Collection[str]) -> set[TableName]:
        """Return the tables of these components. A component that isn't there has none."""
        found = set()
        for component in components:
            page = self._call("_system/cli/tables", {"paginationOpts": ALL_ITEMS}, component, missing={"page": []})
            found |= {TableName(component, table["name"]) for table in page["page"]}
        return found

    def size(self, table: TableName) -> int:
        """Return how many documents a table has."""
        return int(self._call("_system/cli/tableSize", {"tableName": table.table}, table.component))

    def look(self, table: TableName) -> TableLook:
        """Return how many documents a table has, and the oldest of them."""
        size = self.size(table)
        oldest = self.oldest(table) if size else None
        return TableLook(size, oldest["_id"] if oldest else None)

    def oldest(self, table: TableName) -> dict[str, Any] | None:
        """Return the oldest document of a table; its 64-bit integers are decimal strings."""
        options = {"table": table.table, "order": "asc", "paginationOpts": {"cursor": None, "numItems": 1}}
        page = self._call("_system/cli/tableData", options, table.component)["page"]
        return page[0] if page else None

    def latest_export(self) -> dict[str, Any] | None:
        """Return the newest snapshot export; its 64-bit integers are decimal strings."""
        return self._call("_system/cli/exports:getLatest", {})

    def _call(self, path: str, args: dict[str, Any], component: str = "", missing: Any = None) -> Any:
        body = {"path": path, "args": args, "format": "json"}
        if component:
            body["componentPath"] = component
        answer = self._client.request("POST", "/api/function" if component else "/api/query", body=body)
        if not isinstance(answer, dict):
            raise ExtractError(f"{self._client.deployment.url} answered {path} with something else than an object")
        if answer.get("status") == "success":
            return answer.get("value")
        message = visible(str(answer.get("errorMessage") or answer))[:300]
        if missing is not None and component and "omponent" in message:
            return missing
        raise FunctionError(f"{self._client.deployment.url} can't answer {path}: {message}")


def _import(content: dict[str, Any]) -> Import:
    state = content.get("state") or {}
    checkpoints = content.get("checkpoints")
    tables = None
    if checkpoints:
        tables = frozenset(
            TableName(checkpoint.get("component_path") or "", checkpoint["display_table_name"])
            for checkpoint in checkpoints
            if not checkpoint["display_table_name"].startswith("_")
        )
    return Import(str(content["_id"]), str(state.get("state")), tables)
