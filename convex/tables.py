"""The names of Convex tables."""

import re
from dataclasses import dataclass

from common.raw_zone import REJECTED_FILE

_TABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_COMPONENT = re.compile(r"(?=.*[A-Za-z0-9])[A-Za-z0-9_.]{1,64}")


@dataclass(frozen=True, order=True)
class TableName:
    """A Convex table: component path (`""` for the root, `a/b` for a component in a component) and table name."""

    component: str
    table: str

    def __post_init__(self) -> None:
        parts = self.component.split("/") if self.component else []
        is_valid = _TABLE.fullmatch(self.table) and f"{self.table}.parquet" != REJECTED_FILE
        if not is_valid or not all(_COMPONENT.fullmatch(part) for part in parts):
            raise ValueError(f"{self.component}/{self.table} can't be the name of a Convex table")

    @classmethod
    def parse(cls, text: str) -> "TableName":
        """Read what `str` writes. Raises ValueError if it is no name of a table."""
        component, _, table = text.rpartition(".")
        return cls(component.replace(".", "/").replace("%2E", "."), table)

    def __str__(self) -> str:
        """Return `table`, or `component.table`; a dot inside a component's own name is written `%2E`."""
        parts = self.component.split("/") if self.component else []
        return ".".join([*(part.replace(".", "%2E") for part in parts), self.table])
