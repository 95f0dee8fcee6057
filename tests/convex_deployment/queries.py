"""System functions (convex-backend, `npm-packages/system-udfs/convex/_system/cli`)."""

import json
from typing import Any

from convex_deployment.exports import Exports
from convex_deployment.imports import Imports
from convex_deployment.settings import Settings
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
    """A function threw, or isn't there: HTTP says 200 all the same."""


def refusal(permission: str) -> FunctionFailedError:
    """Return what a function throws for a key that may not call it: `requireOperation` runs inside the function."""
    return FunctionFailedError(
        f"Uncaught Error: You do not have permission to perform this operation ({permission})\n"
        "    at requireOperation (../../convex/_system/server.ts:84:12)\n"
        "    at async handler (../../convex/_system/server.ts:131:8)\n"
    )


class Queries:
    """Answers `POST /api/query` and `POST /api/function`."""

    def __init__(self, store: Store, settings: Settings, exports: Exports, imports: Imports):
        self._store = store
        self._settings = settings
        self._exports = exports
        self._imports = imports

    def call(self, path: str, args: dict[str, Any], component: str) -> Any:
        """Return a function's value. Raises FunctionFailedError."""
        if component and not any(tablet.component == component for tablet in self._store.tablets):
            raise FunctionFailedError(f"Component {component} not found")
        if path == "_system/cli/tables":
            names = sorted(t.name for t in self._store.living() if t.is_active and t.component == component)
            return {"page": [{"name": name} for name in names], "isDone": True, "continueCursor": ""}
        if path == "_system/cli/tableSize" and self._settings.table_size:
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
        advice = "Did you forget to run `npx convex dev` or `npx convex deploy`?"
        raise FunctionFailedError(f"Could not find public function for '{path}'. {advice}")

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
