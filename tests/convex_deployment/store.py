"""The documents: tablets, an append-only log of transactions, and all that was ever true.

A table is a name; what holds its documents is a tablet. An import writes a second, hidden tablet of the same name and
then takes the place of the first in one transaction (convex-backend, `crates/common/src/bootstrap_model/tables.rs`).
"""

import bisect
import os
import random
import time
from dataclasses import dataclass, field
from typing import Any

from convex_deployment.errors import ConvexError
from convex_deployment.ids import encode_id
from convex_deployment.values import exported

FIRST_TABLE_NUMBER = 10_001

Place = tuple[str, str]
"""Component path and table name."""


@dataclass(eq=False)
class Tablet:
    """The documents of one table while it lasted. `history` has every version of each: timestamp and text, or None."""

    id: str
    component: str
    name: str
    number: int
    created_ts: int
    active_from: int | None
    ended_ts: int | None = None
    history: dict[str, list[tuple[int, bytes | None]]] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)
    by_creation: list[tuple[float, str]] = field(default_factory=list)
    """Creation time and id of every document that ever was, in this order."""
    size: int = 0

    @property
    def place(self) -> Place:
        """Component and table."""
        return self.component, self.name

    @property
    def is_active(self) -> bool:
        """Tell whether queries see it; otherwise it is hidden, or gone."""
        return self.active_from is not None and self.ended_ts is None

    def at(self, document_id: str, ts: int) -> tuple[int, bytes | None]:
        """Return a document's last version up to a timestamp: when it was written, and its text if it was there."""
        for written, text in reversed(self.history.get(document_id, ())):
            if written <= ts:
                return written, text
        return 0, None


@dataclass(frozen=True)
class Entry:
    """One document's change in the log."""

    ts: int
    tablet: Tablet
    document_id: str
    text: bytes | None


class Store:
    """All documents, now and ever. The caller holds a lock."""

    def __init__(self) -> None:
        self.tablets: list[Tablet] = []
        self.log: list[Entry] = []
        self._offset = 0
        self._last_ts = 0
        self._random = random.Random(os.urandom(8))

    def now(self) -> int:
        """Return the deployment's clock in nanoseconds, never earlier than the last commit."""
        return max(time.time_ns() + self._offset, self._last_ts)

    def advance(self, seconds: float) -> None:
        """Move the clock on."""
        self._offset += int(seconds * 1e9)

    def commit_ts(self) -> int:
        """Return the timestamp of a new transaction."""
        self._last_ts = max(self.now(), self._last_ts + 1)
        return self._last_ts

    def living(self) -> list[Tablet]:
        """Return the tablets that are there, hidden ones too, in the order of their ids."""
        return sorted((tablet for tablet in self.tablets if tablet.ended_ts is None), key=lambda tablet: tablet.id)

    def active(self, component: str, table: str) -> Tablet | None:
        """Return the table that queries see."""
        return next((t for t in self.tablets if t.is_active and t.place == (component, table)), None)

    def create(self, component: str, table: str, ts: int, hidden: bool = False, number: int | None = None) -> Tablet:
        """Make a tablet. The lowest table number that is free in the component is taken."""
        used = {tablet.number for tablet in self.living() if tablet.component == component}
        if number is None:
            number = next(n for n in range(FIRST_TABLE_NUMBER, FIRST_TABLE_NUMBER + len(used) + 1) if n not in used)
        tablet = Tablet(self._random.randbytes(16).hex(), component, table, number, ts, None if hidden else ts)
        self.tablets.append(tablet)
        return tablet

    def drop(self, component: str, table: str) -> None:
        """Drop a table. Nothing in the log says so."""
        tablet = self.active(component, table)
        if tablet is None:
            raise ConvexError(400, "TableNotFound", f"no table {table}")
        tablet.ended_ts = self.commit_ts()

    def transact(self, operations: list[list[Any]]) -> list[str | None]:
        """Commit a list of `insert`, `replace` and `delete` at one timestamp."""
        ts = self.commit_ts()
        return [self._apply(ts, kind, *arguments) for kind, *arguments in operations]

    def _apply(self, ts: int, kind: str, *arguments: Any) -> str | None:
        if kind == "insert":
            component, table, fields = arguments
            tablet = self.active(component, table) or self.create(component, table, ts)
            return self.insert(tablet, fields, ts)
        document_id, *rest = arguments
        component = rest[-1] if len(rest) > (kind == "replace") else None
        tablet = self._tablet_of(document_id, component)
        if kind == "delete":
            self.write(tablet, document_id, None, ts)
        else:
            created = creation_time(tablet.history[document_id][-1][1])
            fields = {"_creationTime": created, **rest[0], "_id": document_id}
            self.write(tablet, document_id, exported(fields).encode(), ts)
        return None

    def _tablet_of(self, document_id: str, component: str | None) -> Tablet:
        for tablet in self.tablets:
            if tablet.is_active and component in (None, tablet.component):
                history = tablet.history.get(document_id)
                if history and history[-1][1] is not None:
                    return tablet
        raise ConvexError(400, "DocumentNotFound", f"no document {document_id}")

    def insert(self, tablet: Tablet, fields: dict[str, Any], ts: int) -> str:
        """Insert a document into a tablet, with a new id unless it brings one."""
        document_id = fields.get("_id") or encode_id(tablet.number, self._random.randbytes(16))
        created = {"_creationTime": (ts // 1000) / 1000}
        self.write(tablet, document_id, exported(created | fields | {"_id": document_id}).encode(), ts)
        return document_id

    def write(self, tablet: Tablet, document_id: str, text: bytes | None, ts: int) -> None:
        """Write one version of a document."""
        history = tablet.history.get(document_id)
        if history is None:
            history = tablet.history[document_id] = []
            bisect.insort(tablet.ids, document_id)
            bisect.insort(tablet.by_creation, (creation_time(text), document_id))
        was_there = bool(history) and history[-1][1] is not None
        tablet.size += (text is not None) - was_there
        history.append((ts, text))
        self.log.append(Entry(ts, tablet, document_id, text))

    def fill(self, component: str, table: str, count: int, bytes_each: int) -> None:
        """Insert many documents like those of the app, in transactions of 1,000."""
        moods = ("calm", "warm", "凉", "muted, earthy", "🌊 oceanic", "playful", "elegant", "dusty rose")
        choose = self._random.choice
        tablet = self.active(component, table) or self.create(component, table, self.commit_ts())
        filler = "x" * max(0, bytes_each - 320)
        ids = []
        for number in range(count):
            ts = self.commit_ts() if number % 1000 == 0 else self._last_ts
            document_id = encode_id(tablet.number, self._random.randbytes(16))
            text = (
                f'{{"_creationTime":{(ts // 1000) / 1000},"_id":"{document_id}","analysis":{{"mood":["{choose(moods)}",'
                f'"{choose(moods)}"],"style":["{choose(moods)}"],"temperature":"cool"}},"analysisIndex":{number % 7}.0,'
                f'"model":"model-{number % 12}","note":"{filler}","promptVersion":"v{number % 3}",'
                f'"seed":"{number // 12:08x}"}}'
            )
            tablet.history[document_id] = [(ts, text.encode())]
            ids.append(document_id)
            self.log.append(Entry(ts, tablet, document_id, text.encode()))
        tablet.ids = sorted(tablet.ids + ids)
        created = [(creation_time(tablet.history[document_id][0][1]), document_id) for document_id in ids]
        tablet.by_creation = sorted(tablet.by_creation + created)
        tablet.size += count

    def log_after(self, ts: int) -> int:
        """Return the place of the first entry that is later."""
        return bisect.bisect_right(self.log, ts, key=lambda entry: entry.ts)

    def state_at(self, ts: int) -> dict[str, dict[str, str]]:
        """Return what every table that queries saw at a timestamp held: texts by id, by `component.table`."""
        state = {}
        for tablet in self.tablets:
            if tablet.active_from is None or tablet.active_from > ts or (tablet.ended_ts or ts + 1) <= ts:
                continue
            rows = {document_id: tablet.at(document_id, ts)[1] for document_id in tablet.ids}
            name = ".".join([*tablet.component.split("/"), tablet.name]) if tablet.component else tablet.name
            state[name] = {document_id: text.decode() for document_id, text in rows.items() if text is not None}
        return state


def creation_time(text: bytes | None) -> float:
    """Read `_creationTime` in a document's text."""
    return float((text or b"").partition(b'"_creationTime":')[2].partition(b",")[0] or 0)
