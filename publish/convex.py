"""convex/: the consensus in the two forms that Convex imports, within what a Convex document may hold.

Field names are the schema's own: what a model said stands only in values, since field names have to be printable ASCII.
Every number is printed with a dot or an exponent, since the import reads `3` in a uniform ZIP as an int64.
"""

import shutil
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq

from common.paths import as_pattern
from common.settings import CONSENSUS_TABLE, RUNS_TABLE
from publish.connection import limited_connection

MAX_ELEMENTS = 8192
MAX_BYTES = 2**20 - 1024
"""A document may have 1 MiB by Convex's own count; the rest is left for what isn't foreseen."""
SYSTEM_FIELDS_BYTES = len("_id") + 1 + 37 + 2 + len("_creationTime") + 1 + 9
"""What `_id` (up to 37 characters) and `_creationTime` add when Convex stores a document."""
SURELY_FITS = MAX_ELEMENTS * len('{"key":"","value":1.0},')
"""A line of no more bytes holds no list of more than `MAX_ELEMENTS` entries, and is far below 1 MiB in any count."""

DOCUMENTS = """
    select to_json({
        'seed': seed, 'promptVersion': "promptVersion", 'totalModels': "totalModels", 'categorical': categorical,
        'tags': tags, 'updatedAt': "updatedAt", 'truncatedTags': 0.0::double
    })::varchar
    from read_parquet(?, hive_partitioning = false)
    order by seed, "promptVersion"
"""
OPTIONAL_FIELDS = {"origin": "v.optional(v.string())", "deletedResults": "v.optional(v.number())"} | {
    "isSample": "v.optional(v.boolean())"
}
"""Fields of `analytics_runs` that came later, as `schema.ts` has them: a row of an older push lacks them."""
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)


@dataclass
class Written:
    """What became of the documents: those written, the list entries cut off, and documents that fit in no way."""

    rows: int = 0
    truncated_tags: int = 0
    left_out: int = 0


def write_documents(consensus: Path, path: Path, report: Callable[[int, int], None]) -> Written:
    """Write the consensus, a Parquet file, as JSONL: one document a line, in the order of its grain.

    Where the consensus is a view, its Parquet file spares making it a second time. Raises duckdb.Error or OSError.
    """
    written = Written()
    with limited_connection(path.parent) as connection, path.open("wb") as file:
        total = pq.read_metadata(consensus).num_rows
        documents = connection.execute(DOCUMENTS, [as_pattern(consensus)])
        while rows := documents.fetchmany(1000):
            file.writelines(_lines((row[0].encode() for row in rows), written))
            report(written.rows + written.left_out, total)
    return written


def _lines(documents: Iterable[bytes], written: Written) -> Iterable[bytes]:
    for text in documents:
        line = text
        if len(line) > SURELY_FITS:
            document = msgspec.json.decode(line)
            if not fit(document):
                written.left_out += 1
                continue
            written.truncated_tags += int(document["truncatedTags"])
            line = msgspec.json.encode(document)
        written.rows += 1
        yield line + b"\n"


def fit(document: dict[str, Any]) -> bool:
    """Cut lists until Convex takes the document, and put the number of entries cut into `truncatedTags`.

    A list loses its last entries, which are the least said; to save bytes, always the longest list, of equal ones the
    first. False if it is too large even without any list, for its seed alone is.
    """
    lists = [*document["categorical"].values(), *document["tags"].values()]
    entries = sum(map(len, lists))
    for tags in lists:
        del tags[MAX_ELEMENTS:]
    size = convex_size(document) + SYSTEM_FIELDS_BYTES
    while size > MAX_BYTES and any(lists):
        size -= convex_size(max(lists, key=len).pop())
    document["truncatedTags"] = float(entries - sum(map(len, lists)))
    return size <= MAX_BYTES


def convex_size(value: Any) -> int:
    """Return the bytes that Convex counts for a value of a document, as `getConvexSize` of its npm package does.

    A string has its UTF-8 bytes and 2, a float64 9; an array or object 2 and its elements; a field its name and 1.
    """
    if isinstance(value, str):
        return len(value.encode()) + 2
    if isinstance(value, float):
        return 9
    if isinstance(value, list):
        return 2 + sum(map(convex_size, value))
    return 2 + sum(len(name) + 1 + convex_size(field) for name, field in value.items())


def write_zip(documents: Path, run: dict[str, Any], path: Path) -> None:
    """Write the documents, and the one row of `analytics_runs`, as a uniform ZIP. Equal input gives equal bytes."""
    with zipfile.ZipFile(path, "w") as archive:
        with documents.open("rb") as source:
            info = _entry(f"{CONSENSUS_TABLE}/documents.jsonl")
            info.file_size = documents.stat().st_size  # lets the archive know whether it needs ZIP64
            with archive.open(info, "w") as entry:
                shutil.copyfileobj(source, entry, 1 << 20)
        archive.writestr(_entry(f"{CONSENSUS_TABLE}/generated_schema.jsonl"), '"uniform"\n')
        archive.writestr(_entry(f"{RUNS_TABLE}/documents.jsonl"), msgspec.json.encode(run) + b"\n")
        archive.writestr(_entry(f"{RUNS_TABLE}/generated_schema.jsonl"), '"uniform"\n')


def _entry(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _ZIP_TIME)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.create_system = 3  # Unix, wherever this runs
    info.external_attr = 0o100644 << 16
    return info
