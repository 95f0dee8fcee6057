"""What a client asks for (convex-backend, `crates/common/src/types/streaming_export/selection.rs`)."""

import json
import re
from typing import Any

from convex_deployment.errors import ConvexError

INCLUDED, EXCLUDED = ("included", "incl"), ("excluded", "excl")
_IDENTIFIER = re.compile(r"(?=.*[A-Za-z0-9])[A-Za-z_][A-Za-z0-9_]{0,63}")
_COMPONENT = re.compile(r"([A-Za-z0-9_.]+(/[A-Za-z0-9_.]+)*)?")


class Selection:
    """Everything, unless it was parsed from a request."""

    def __init__(self, tree: dict[str, Any] | None = None):
        self._tree = tree

    @classmethod
    def parse(cls, tree: Any) -> "Selection":
        """Check what a request holds. Raises ConvexError."""
        _check(tree, _COMPONENT, 3)
        return cls(tree)

    def takes(self, component: str, table: str) -> bool:
        """Tell whether a table is asked for."""
        return self._columns(component, table) is not None

    def takes_all_of(self, component: str, table: str) -> bool:
        """Tell whether the table is asked for with all its columns."""
        columns = self._columns(component, table)
        return columns is not None and all(rule in INCLUDED for rule in columns.values())

    def filtered(self, component: str, table: str, text: bytes) -> bytes:
        """Return a document without the columns that aren't asked for."""
        if self.takes_all_of(component, table):
            return text
        columns = self._columns(component, table) or {}
        fields = json.loads(text)
        kept = {name: value for name, value in fields.items() if columns.get(name, columns["_other"]) in INCLUDED}
        kept["_id"] = fields["_id"]
        return json.dumps(kept, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()

    def _columns(self, component: str, table: str) -> dict[str, str] | None:
        """Return the columns' rules, `{}` for all of them, None where the table isn't asked for."""
        if self._tree is None:
            return {}
        tables = self._tree.get(component, self._tree["_other"])
        columns = tables.get(table, tables["_other"]) if isinstance(tables, dict) else tables
        if isinstance(columns, dict):
            return columns
        return {} if columns in INCLUDED else None


def _check(tree: Any, names: re.Pattern[str], depth: int) -> None:
    if not isinstance(tree, dict) or tree.get("_other") not in INCLUDED + EXCLUDED:
        raise ConvexError(400, "BadJsonBody", "selection: every level needs `_other`")
    for name, value in tree.items():
        if name == "_other":
            continue
        if not names.fullmatch(name):
            raise ConvexError(400, "InvalidDataSyncSelection", f"{name} is no name")
        if depth == 1 and (value not in INCLUDED + EXCLUDED):
            raise ConvexError(400, "BadJsonBody", f"selection: {name} has to be included or excluded")
        if depth == 1 and name == "_id" and value in EXCLUDED:
            raise ConvexError(400, "InvalidDataSyncSelection", "_id can't be excluded")
        if depth > 1 and value not in EXCLUDED:
            _check(value, _IDENTIFIER, depth - 1)
