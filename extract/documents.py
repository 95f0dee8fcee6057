"""What makes a line a Convex document, and why a line is set aside."""

import itertools
import math
import re
import sys
from collections.abc import Collection, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from common.raw_zone import Reason

REASONS: dict[Reason, str] = {
    "invalid_utf8": "the line isn't valid UTF-8",
    "invalid_json": "the line isn't JSON (RFC 8259)",
    "too_deep": "the line is JSON nested deeper than can be checked (about 10,000 levels)",
    "not_an_object": "the line is JSON but not an object",
    "no_id": "the object has no `_id` that is a string of valid Unicode",
    "too_long": "the line is longer than 48 MiB; its bytes are kept in several parts",
}
MAX_DEPTH = 10_000
LONG_LINE_BYTES = 1024 * 1024
DOCUMENT_SCHEMA = pa.schema([("_id", pa.string()), ("_creation_time", pa.float64()), ("document", pa.string())])

# An escaped backslash or a whole surrogate pair is passed over; what is left of `\ud800` to `\udfff` stands alone.
_SURROGATES = re.compile(
    rb"\\(?:\\|u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2}))"
)
_OBJECT = re.compile(rb"[ \t\r]*\{")
_MARK = rb"\uFffD"
"""Stands in for a lone surrogate. U+FFFD that was received isn't taken for it, as nobody mixes the cases like this."""


class _Fields(msgspec.Struct, gc=False):
    """The two system fields, when they have the types that Convex gives them. All else is checked, not built."""

    id: str = msgspec.field(name="_id")
    creation_time: float | None = msgspec.field(name="_creationTime", default=None)


class _RawFields(msgspec.Struct, gc=False):
    """The two system fields whatever their types."""

    id: msgspec.Raw = msgspec.field(name="_id", default=msgspec.Raw(b""))
    creation_time: msgspec.Raw = msgspec.field(name="_creationTime", default=msgspec.Raw(b""))


@dataclass(frozen=True)
class Document:
    """The system fields of a line that lands: `_id`, and `_creationTime` in milliseconds (None if not a number)."""

    id: str
    creation_time: float | None


_decode_fields = msgspec.json.Decoder(_Fields).decode_lines
_decode_raw_fields = msgspec.json.Decoder(_RawFields).decode
_decode_raw = msgspec.json.Decoder(msgspec.Raw).decode


def read_all(chunk: bytes) -> pa.RecordBatch | None:
    """Return `_id`, `_creationTime` and the text of every line of a chunk, or None if any line needs `read_one`.

    The decoder takes line feeds for white space. So each line must begin with `{` and end with `}`: as no JSON has
    `}` and `{` side by side, such a line can't end inside an object, and as many objects as lines means one a line.
    """
    try:
        fields = _decode_fields(chunk)
        lines = _split_lines(chunk)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, pa.ArrowInvalid):
        return None  # the last is for bytes that aren't UTF-8, which the decoder doesn't look for in what it skips
    return as_rows(fields, lines) if _are_objects(lines, len(fields)) else None


def read_values(texts: list[bytes]) -> pa.RecordBatch | None:
    """Return what `read_all` does, for texts without white space around, or None if any needs `read_one`."""
    try:
        fields = _decode_fields(b"\n".join(texts))
        documents = as_binaries(texts).cast(pa.string())
    except (msgspec.MsgspecError, UnicodeError, RecursionError, pa.ArrowInvalid):
        return None
    return as_rows(fields, documents) if _are_objects(documents, len(fields)) else None


def as_rows(fields: Collection[_Fields | Document], documents: pa.StringArray) -> pa.RecordBatch:
    """Return rows of `DOCUMENT_SCHEMA`: the system fields of documents, and their texts."""
    ids = pa.array([f.id for f in fields], pa.string())
    creation_times = pa.array([f.creation_time for f in fields], pa.float64())
    return pa.RecordBatch.from_arrays([ids, creation_times, documents], schema=DOCUMENT_SCHEMA)


def _split_lines(chunk: bytes) -> pa.StringArray:
    whole = as_binaries([chunk])
    if b"\n" in chunk:
        whole = pc.call_function("split_pattern", [whole], pc.SplitPatternOptions("\n")).flatten()
    return whole.cast(pa.string())


def as_binaries(values: list[bytes]) -> pa.BinaryArray:
    """Return an Arrow array of the values, of 2 GiB at most. A single one, which may be long, isn't copied."""
    offsets = pa.array([0, *itertools.accumulate(map(len, values))], pa.int32()).buffers()[1]
    content = values[0] if len(values) == 1 else b"".join(values)
    return pa.Array.from_buffers(pa.binary(), len(values), [None, offsets, pa.py_buffer(content)])


def _are_objects(texts: pa.StringArray, count: int) -> bool:
    """Tell whether the texts are one object each, as `read_all` says, of which the decoder has found so many."""
    return len(texts) == count and _every(texts, "starts_with", "{") and _every(texts, "ends_with", "}")


def _every(lines: pa.StringArray, test: Literal["starts_with", "ends_with"], text: str) -> bool:
    matches = pc.call_function(test, [lines], pc.MatchSubstringOptions(text))
    return pc.call_function("all", [matches]).as_py()


def read_one(line: bytes) -> Document | Reason:
    """Read one line with care: any types, any depth up to `MAX_DEPTH`, surrogates that stand alone."""
    if not _is_utf8(line):
        return "invalid_utf8"
    # RFC 8259 allows the escape of a lone surrogate, the decoder doesn't: check the line with U+FFFD in its place.
    checked = _without_lone_surrogates(line)
    try:
        with _deep_recursion():
            _decode_raw(checked)
            if not _OBJECT.match(checked):
                return "not_an_object"
            fields = _decode_raw_fields(checked)
    except RecursionError:
        return "too_deep"
    except (msgspec.MsgspecError, UnicodeError):
        return "invalid_json"
    document_id = _string(fields.id)
    if document_id is None or (checked is not line and _MARK in bytes(fields.id)):
        return "no_id"
    return Document(document_id, _number(fields.creation_time))


def _without_lone_surrogates(line: bytes) -> bytes | bytearray:
    changed = None
    for match in _SURROGATES.finditer(line):
        if match["lone"]:
            changed = changed or bytearray(line)
            changed[match.start() : match.end()] = _MARK
    return changed or line


def _is_utf8(line: bytes) -> bool:
    """Tell whether the bytes are text. Decoded, a long line could take four times its memory, so Arrow looks at it."""
    try:
        line.decode() if len(line) < LONG_LINE_BYTES else as_binaries([line]).cast(pa.string())
    except (UnicodeDecodeError, pa.ArrowInvalid):
        return False
    return True


@contextmanager
def _deep_recursion() -> Generator[None]:
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, MAX_DEPTH))
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


def _string(raw: msgspec.Raw) -> str | None:
    try:
        return msgspec.json.decode(raw, type=str)
    except (msgspec.MsgspecError, UnicodeError):
        return None


def _number(raw: msgspec.Raw) -> float | None:
    try:
        number = msgspec.json.decode(raw, type=float)
    except (msgspec.MsgspecError, UnicodeError):
        return None
    return number if math.isfinite(number) else None
