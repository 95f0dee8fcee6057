"""From pages of changes to the rows of a run."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from convex.pages import Page, Value
from convex.tables import TableName
from extract.documents import Document, as_binaries, as_rows, read_one, read_values
from extract.landing import RunWriter

SLICE_BYTES = 4 * 1024 * 1024
"""Documents are copied from a page in slices of about this size, so that a page of any size is held but once."""


@dataclass
class _Changes:
    """Changes of one table in their order, each with its document's text."""

    values: list[Value] = field(default_factory=list)
    texts: list[bytes] = field(default_factory=list)


def write_pages(run: RunWriter, pages: Iterable[Page], tables: Collection[TableName]) -> None:
    """Write the pages' changes of these tables, in the order of the pages and of their parts.

    `_seq` follows the order in which the changes have to be applied. What is no document is set aside.
    """
    names = {(table.component, table.table): table for table in tables}
    for page in pages:
        for truncate in page.truncates:
            if name := names.get((truncate.component, truncate.table)):
                run.open_table(name, "uniform").add_truncate()
        for by_table in _slices(page.values, names):
            for name, changes in by_table.items():
                _write_changes(run, name, changes)


def _slices(values: list[Value], names: Mapping[tuple[str, str], TableName]) -> Iterator[dict[TableName, _Changes]]:
    by_place: defaultdict[tuple[str, str], _Changes] = defaultdict(_Changes)
    size = 0
    for number, value in enumerate(values, 1):
        changes = by_place[value.component, value.table]
        text = bytes(value.value)
        changes.values.append(value)
        changes.texts.append(text)
        size += len(text)
        if size >= SLICE_BYTES or number == len(values):
            yield {names[place]: changes for place, changes in by_place.items() if place in names}
            by_place.clear()
            size = 0


def _write_changes(run: RunWriter, name: TableName, changes: _Changes) -> None:
    writer = run.open_table(name, "uniform")
    values, texts = changes.values, changes.texts
    first = run.next_sequence(len(texts))
    places: Collection[int] = range(len(texts))
    documents = read_values(texts)
    if documents is None:
        rows: dict[int, Document] = {}
        for place, text in enumerate(texts):
            found = read_one(text)
            if isinstance(found, Document):
                rows[place] = found
            else:
                writer.reject(first + place, found, text)
        places = rows.keys()
        documents = as_rows(rows.values(), as_binaries([texts[place] for place in places]).cast(pa.string()))
    writer.summary.document_bytes += sum(len(texts[place]) for place in places)
    writer.add_changes(
        documents,
        pa.array(["delete" if values[place].deleted else "upsert" for place in places], pa.string()),
        pa.array([values[place].ts for place in places], pa.int64()),
        pa.array([first + place for place in places], pa.int64()),
    )
