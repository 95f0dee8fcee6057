"""System functions (convex-backend, `npm-packages/system-udfs/convex/_system/cli`)."""

import json
from typing import Any

from convex_deployment.exports import Exports
from convex_deployment.imports import Imports
from convex_deployment.store import Store

VIEW_DATA, VIEW_BACKUPS = "deployment:data:view", "deployment:backups:view"
PERMISSIONS = {
    "_system/cli/tables": VIEW_DATA,
    "_system/cli/tableSize": VIEW_DATA,
    "_system/cli/tableData": VIEW_DATA,
    "_system/cli/exports:getLatest": VIEW_BACKUPS,
    "_system/cli/queryImport": VIEW_BACKUPS,
    "_system/cli/queryImport:list": VIEW_BACKUPS,
}


class FunctionFailedError(Exception):
    """A function threw: HTTP says 200 all the same."""


class Queries:
    """Answers `POST /api/query` and `POST /api/function`."""

    def __init__(self, store: Store, exports: Exports, imports: Imports):
        self._store = store
        self._exports = exports
        self._imports = imports

    def call(self, path: str, args: dict[str, Any], component: str) -> Any:
        """Return a function's value. Raises FunctionFailedError."""
        if component and not any(tablet.component == component for tablet in self._store.tablets):
            raise FunctionFailedError(f"Component {component} not found")
        if path == "_system/cli/tables":
            names = sorted(t.name for t in self._store.living() if t.is_active and t.component == component)
            return {"page": [{"name": name} for name in names], "isDone": True, "continueCursor": ""}
        if path == "_system/cli/tableSize":
            tablet = self._store.active(component, args["tableName"])
            return float(tablet.size) if tablet else 0.0
        if path == "_system/cli/tableData":
            return self._table_data(component, args)
        if path == "_system/cli/exports:getLatest":
            return self._exports.latest()
        if path == "_system/cli/queryImport":
            return self._imports.one(args["importId"])
        if path == "_system/cli/queryImport:list":
            return self._imports.listed()
        raise FunctionFailedError(f"Could not find public function for '{path}'")

    def _table_data(self, component: str, args: dict[str, Any]) -> dict[str, Any]:
        """Return documents by creation time. The cursor is a place among all that ever were."""
        tablet = self._store.active(component, args["table"])
        created = tablet.by_creation if tablet else []
        options = args["paginationOpts"]
        place, page = int(options["cursor"] or 0), []
        while tablet and place < len(created) and len(page) < int(options["numItems"]):
            _, document_id = created[-place - 1 if args.get("order") == "desc" else place]
            text = tablet.history[document_id][-1][1]
            place += 1
            if text is not None:
                page.append(json.loads(text))
        return {"page": page, "isDone": place >= len(created), "continueCursor": str(place)}
