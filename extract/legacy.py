"""Reads documents of Convex ZIP exports made by backends before 2026-03-10.

Those exports hold documents in Convex's "clean" JSON, which loses types: an int64 is a decimal string, bytes are a
base64 string, and NaN and the infinities are the strings `NaN`, `Infinity` and `-Infinity`. What was lost stands in
`generated_schema.jsonl` beside the documents. Its first line is a JSON string with the table's shape

    {"_creationTime": normalfloat64, "_id": id<10001>, "foo": array<int64 | field_name>}

and each further line an override `{"<document id>": {"foo": ["int64", "infer"]}}` for a document whose values the
shape leaves open. Since 2026-03-10 the file is the one line `"uniform"`, and documents need no help.

`read_schema` reads that file; its `Decoder` turns a document's line into the lossless `export_json` of newer exports:
`42` for an int64, `{"$float":"<8 bytes, little endian, base64>"}` for a float that JSON can't write, and
`{"$bytes":"<base64>"}`. Every byte that shape and overrides say nothing about stays as it was received.

The grammar and the rules follow `crates/shape_inference/src/{pretty,export_context}.rs` of get-convex/convex-backend.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
import sqlite3
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

MAX_DEPTH = 128
"""Deeper nested shapes are not read. Convex values nest at most 64 deep."""


class ShapeError(ValueError):
    """A shape's text does not follow the grammar; the message says what was found."""


@dataclass(frozen=True)
class TableFormat:
    """What `generated_schema.jsonl` says of a table's documents.

    `uniform`: they are lossless already. `legacy`: a `Decoder` makes them so. `clean`: the file is missing or
    unreadable, so numbers and strings are to be taken as they stand. `note` is a sentence for people about what
    could not be read, None where all is well.
    """

    kind: Literal["uniform", "legacy", "clean"]
    note: str | None


def read_schema(lines: Iterable[bytes]) -> tuple[TableFormat, Decoder | None]:
    """Read the lines of a `generated_schema.jsonl`; pass no lines where an export lacks the file.

    The Decoder comes with kind `legacy` only, and is the caller's to close. Damaged content is reported in the note and
    raises nothing; what iterating over `lines` raises, and a full disk (`sqlite3.Error`), goes through.
    """
    rows = filter(None, map(bytes.strip, lines))
    first = next(rows, None)
    if first is None:
        return _clean("There is no generated_schema.jsonl, or it is empty"), None
    try:
        text = msgspec.json.decode(first, type=str)
        if text == "uniform":
            return TableFormat("uniform", None), None
        shape = parse_shape(text)
    except (ValueError, RecursionError) as error:
        return _clean(f"The first line of generated_schema.jsonl is not a shape that can be read ({error})"), None
    overrides = _Overrides(rows)
    note = f"{overrides.unreadable} override lines of generated_schema.jsonl can't be read and were passed over."
    return TableFormat("legacy", note if overrides.unreadable else None), Decoder(shape, overrides)


def _clean(problem: str) -> TableFormat:
    return TableFormat("clean", f"{problem}: int64, bytes and special floats can't be told from strings and stay text.")


# Strings that stand for another type


def _float(value: float) -> bytes:
    return b'{"$float":"%b"}' % base64.b64encode(struct.pack("<d", value))


_SPECIAL_FLOATS = {word: _float(float(word)) for word in ("NaN", "Infinity", "-Infinity")}
_INT64 = re.compile(r"0|-?[1-9][0-9]{0,18}")


def _read(text: str, reading: str) -> bytes | None:
    """Read a string as an `int64`, `bytes` or the special float of that name; None unless it is the canonical text."""
    if reading == "int64":
        return text.encode() if _INT64.fullmatch(text) and -(2**63) <= int(text) < 2**63 else None
    if reading != "bytes":
        return _SPECIAL_FLOATS[reading] if text == reading else None
    try:
        canonical = base64.b64encode(binascii.a2b_base64(text, strict_mode=True))
    except ValueError:
        return None
    return b'{"$bytes":"%b"}' % canonical if canonical == text.encode() else None


def _read_overridden(text: str, override: Any) -> bytes | None:
    """Read a string as its override says; None where it can't be that."""
    if isinstance(override, dict):
        return _read_nan(override.get("$float64NaN")) if text == "NaN" else None
    readings = _OVERRIDES.get(override, ()) if isinstance(override, str) else ()
    return next((value for reading in readings if (value := _read(text, reading)) is not None), None)


def _read_nan(payload: Any) -> bytes | None:
    """Encode the very NaN that was stored: there are 2^53 - 2 of them, and clean JSON has one word."""
    try:
        (value,) = struct.unpack("<d", base64.b64decode(payload, validate=True))
    except (TypeError, ValueError, struct.error):
        return None
    return b'{"$float":"%b"}' % payload.encode() if math.isnan(value) else None


# Shapes


@dataclass(slots=True, eq=False)
class Shape:
    """All that a shape, its unions merged, allows at one place of a document. Not changed once it is built."""

    string: bool = False  # the value may be a string
    number: bool = False  # the value may be a float64 that is written as a JSON number
    readings: frozenset[str] = frozenset()  # what else a JSON string may stand for: see `_read`
    fields: dict[str, Shape] = field(default_factory=dict)
    values: Shape | None = None  # of a record: the shape of fields that have none of their own
    element: Shape | None = None  # of an array
    has_readings: bool = field(init=False)  # here or below
    has_numbers: bool = field(init=False)  # here or below

    def __post_init__(self) -> None:
        below = [child for child in (*self.fields.values(), self.values, self.element) if child]
        self.has_readings = bool(self.readings) or any(child.has_readings for child in below)
        self.has_numbers = self.number or any(child.has_numbers for child in below)

    def at(self, name: str) -> Shape | None:
        """Return the shape of an object's field, None where nothing is known of it."""
        return self.fields.get(name, self.values)


_PLAIN, _STRING, _NUMBER = Shape(), Shape(string=True), Shape(number=True)
_UNKNOWN = Shape(string=True)  # anything, at any depth: a string stays one unless an override says otherwise
_UNKNOWN.values = _UNKNOWN.element = _UNKNOWN
_WORDS = {
    **dict.fromkeys(("never", "null", "boolean"), _PLAIN),
    **dict.fromkeys(("string", "field_name"), _STRING),
    **dict.fromkeys(("normalfloat64", "-0"), _NUMBER),
    "float64": Shape(number=True, readings=frozenset(_SPECIAL_FLOATS)),
    "int64": Shape(readings=frozenset({"int64"})),
    "bytes": Shape(readings=frozenset({"bytes"})),
    "NaN": Shape(readings=frozenset({"NaN"})),
    "inf": Shape(readings=frozenset({"Infinity"})),
    "-inf": Shape(readings=frozenset({"-Infinity"})),
    "unknown": _UNKNOWN,
}


def _merge(left: Shape | None, right: Shape | None) -> Shape | None:
    """Unite two shapes, and with them the shapes of their fields and elements, as Convex does when it decodes."""
    if left is None or right is None or left is right:
        return left or right
    fields = {name: _merge(left.at(name), right.at(name)) for name in {**left.fields, **right.fields}}
    return Shape(
        string=left.string or right.string,
        number=left.number or right.number,
        readings=left.readings | right.readings,
        fields={name: shape for name, shape in fields.items() if shape},
        values=_merge(left.values, right.values),
        element=_merge(left.element, right.element),
    )


def parse_shape(text: str) -> Shape:
    """Parse a shape as Convex prints it. Raises ShapeError."""
    parser = _Parser(text)
    shape = parser.union(depth=0)
    parser.take("")
    return shape


class _Parser:
    """Recursive descent over the tokens of a shape. The token after the last one is empty."""

    _TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|-?\w+|[<>{}:,?|]', re.DOTALL)

    def __init__(self, text: str) -> None:
        if rest := self._TOKEN.sub("", text).strip():
            raise ShapeError(f"unexpected {rest[:20]!r}")
        self._tokens = ["", *reversed(self._TOKEN.findall(text))]

    def take(self, wanted: str | None = None) -> str:
        token = self._tokens.pop() if self._tokens else ""
        if wanted not in (None, token):
            raise ShapeError(f"{token[:20]!r} instead of {wanted!r}")
        return token

    def _next_is(self, mark: str) -> bool:
        return self._tokens[-1:] == [mark]

    def union(self, depth: int) -> Shape:
        if depth > MAX_DEPTH:
            raise ShapeError(f"nested more than {MAX_DEPTH} deep")
        shape = self._member(depth + 1)
        while self._next_is("|"):
            self.take()
            shape = _merge(shape, self._member(depth + 1)) or shape
        return shape

    def _member(self, depth: int) -> Shape:
        token = self.take()
        if token in _WORDS:
            return _WORDS[token]
        if token.startswith('"'):
            return _STRING
        if token == "{":  # noqa: S105, not a password
            return Shape(fields=self._fields(depth))
        if token not in ("id", "array", "record", "set", "map"):
            raise ShapeError(f"unexpected {token[:20]!r}")
        self.take("<")
        shape = self._parameters(token, depth)
        self.take(">")
        return shape

    def _parameters(self, kind: str, depth: int) -> Shape:
        if kind == "id":
            self.take()
            return _STRING
        inner = self.union(depth)
        if kind in ("record", "map"):  # the first parameter is the keys', which are strings in any case
            self.take(",")
            inner = self.union(depth)
        if kind == "array":
            return Shape(element=inner)
        # Sets and maps were withdrawn on 2025-10-10, and exported in an encoding of their own that is kept.
        return Shape(values=inner) if kind == "record" else _UNKNOWN

    def _fields(self, depth: int) -> dict[str, Shape]:
        fields: dict[str, Shape] = {}
        while not self._next_is("}"):
            token = self.take()
            try:
                name = msgspec.json.decode(token, type=str)
            except ValueError as error:
                raise ShapeError(f"{token[:20]!r} is not a key") from error
            if self._next_is("?"):
                self.take()
            self.take(":")
            fields[name] = self.union(depth)
            if not self._next_is("}"):
                self.take(",")
        self.take()
        return fields


# Overrides

_OVERRIDES = {
    "int64": ("int64",),
    "bytes": ("bytes",),
    "float64inf": ("Infinity", "-Infinity"),
    "infer": (),
    "set": (),  # like "map" written until 2025-10-10, and like it no reading of any string
    "map": (),
}
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])


def _is_override(value: Any) -> bool:
    if isinstance(value, dict):
        return isinstance(value.get("$float64NaN"), str) or all(map(_is_override, value.values()))
    return all(map(_is_override, value)) if isinstance(value, list) else value in _OVERRIDES


class _Overrides:
    """Overrides by document id; there can be as many as documents.

    SQLite keeps a database without a name in a temporary file that it deletes on close, or with the process. Of it
    only the page cache, here 4 MiB, is in memory; few overrides never reach the disk.
    """

    def __init__(self, lines: Iterable[bytes]) -> None:
        self.unreadable = 0
        self._db: sqlite3.Connection | None = None
        for line in lines:
            try:
                ((document_id, override),) = _OBJECT.decode(line).items()
                readable = _is_override(msgspec.json.decode(override))
            except (ValueError, RecursionError):
                readable = False
            if readable:
                self._db = self._db or self._open()
                self._db.execute("insert or replace into overrides values (?, ?)", (document_id, bytes(override)))
            self.unreadable += not readable

    @staticmethod
    def _open() -> sqlite3.Connection:
        db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        db.execute("pragma cache_size = -4096")
        db.execute("pragma journal_mode = off")
        db.execute("create table overrides (id text primary key, override blob) without rowid")
        return db

    def __bool__(self) -> bool:
        return self._db is not None

    def get(self, document_id: str) -> Any:
        if self._db is None:
            return None
        row = self._db.execute("select override from overrides where id = ?", (document_id,)).fetchone()
        return msgspec.json.decode(row[0]) if row else None

    def close(self) -> None:
        if self._db is not None:
            self._db.close()


# Documents

_BEFORE_FIELD = re.compile(rb'\s*"(?:[^"\\]|\\.)*"\s*:\s*', re.DOTALL)
_BEFORE_ELEMENT = re.compile(rb"\s*")
_AFTER_VALUE = re.compile(rb"\s*[,\]}]")
_INTEGER_INSIDE = re.compile(rb"[:\[,]\s*-?[0-9]+\s*[,\]}]")
_Part = tuple[msgspec.Raw, Shape | None, Any]  # a value of an object or array, its shape and its override


class Decoder:
    """Decodes the documents of one table. Close it, or use it as a context manager; one thread at a time.

    `needs_decoding` is False where nothing could change. `decoded` counts the values changed so far. `ambiguous`
    counts strings that were kept although the shape allows another reading of their text too and no override decides:
    Convex writes an override for all that is not a string, so in an undamaged export strings is what they are.
    `mismatched` counts overrides that don't fit their value, which was kept.
    """

    def __init__(self, shape: Shape, overrides: _Overrides) -> None:
        self._shape = shape
        self._overrides = overrides
        self.needs_decoding: bool = shape.has_readings or shape.has_numbers or bool(overrides)
        self.decoded = self.ambiguous = self.mismatched = 0

    def __enter__(self) -> Decoder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the temporary database of overrides. Nothing can be decoded afterwards."""
        self._overrides.close()

    def decode(self, document_id: str, line: bytes) -> bytes:
        """Return the document in `export_json`: `line` itself where nothing changes or where it isn't valid JSON."""
        counts = self.decoded, self.ambiguous, self.mismatched
        body = line.strip(b" \t\r\n")
        try:
            value = self._value(body, self._shape, self._overrides.get(document_id))
        except (ValueError, RecursionError):
            self.decoded, self.ambiguous, self.mismatched = counts
            return line
        return line if value is body else line.replace(body, value, 1)

    def _value(self, raw: bytes, shape: Shape | None, override: Any) -> bytes:
        """Return the value in `export_json`, and `raw` itself where nothing changes, as all methods below do."""
        if override == "infer":
            override = None
        if override is None and not (shape and (shape.has_readings or shape.has_numbers)):
            return raw
        if raw.startswith(b'"'):
            return self._string(raw, shape, override)
        if not raw.startswith((b"[", b"{")):
            return self._number(raw, shape)
        if override is None and shape and not (shape.has_readings and b'"' in raw) and not _INTEGER_INSIDE.search(raw):
            return raw  # the quick way for plain floats, all written with their point
        return self._array(raw, shape, override) if raw.startswith(b"[") else self._object(raw, shape, override)

    def _string(self, raw: bytes, shape: Shape | None, override: Any) -> bytes:
        readings = shape.readings if shape else ()
        if override is None and not readings:
            return raw
        text = msgspec.json.decode(raw, type=str)
        if override is not None:
            value = _read_overridden(text, override)
            return self._mismatch(raw) if value is None else self._changed(value)
        found = [value for reading in readings if (value := _read(text, reading)) is not None]
        if len(found) == 1 and not (shape and shape.string):
            return self._changed(found[0])
        self.ambiguous += bool(found)
        return raw

    def _number(self, raw: bytes, shape: Shape | None) -> bytes:
        """Give a float64 the point that tells it from an int64: in clean JSON every number is a float64."""
        is_integer = raw.removeprefix(b"-").isdigit()
        return self._changed(raw + b".0") if is_integer and shape and shape.number else raw

    def _array(self, raw: bytes, shape: Shape | None, override: Any) -> bytes:
        values = _ARRAY.decode(raw)
        overrides = [None] * len(values) if override is None else override
        if not isinstance(overrides, list) or len(overrides) != len(values):
            return self._mismatch(raw)
        element = shape.element if shape else None
        return self._splice(raw, _BEFORE_ELEMENT, [(v, element, o) for v, o in zip(values, overrides, strict=True)])

    def _object(self, raw: bytes, shape: Shape | None, override: Any) -> bytes:
        overrides = {} if override is None else override
        if not isinstance(overrides, dict):
            return self._mismatch(raw)
        members = _OBJECT.decode(raw).items()
        parts = [(value, shape.at(name) if shape else None, overrides.get(name)) for name, value in members]
        return self._splice(raw, _BEFORE_FIELD, parts)

    def _splice(self, raw: bytes, before: re.Pattern[bytes], parts: list[_Part]) -> bytes:
        pieces: list[bytes] = []
        kept = 0
        for (start, end), (_, shape, override) in zip(_spans(raw, before, parts), parts, strict=False):
            old = raw[start:end]
            new = self._value(old, shape, override)
            if new is not old:
                pieces += (raw[kept:start], new)
                kept = end
        return b"".join((*pieces, raw[kept:])) if pieces else raw

    def _changed(self, value: bytes) -> bytes:
        self.decoded += 1
        return value

    def _mismatch(self, raw: bytes) -> bytes:
        self.mismatched += 1
        return raw


def _spans(raw: bytes, before: re.Pattern[bytes], parts: list[_Part]) -> list[tuple[int, int]]:
    """Tell where each value of an object or array starts and ends; nothing of an object that has a key twice.

    Of such a key msgspec keeps one value, so that the values and the text don't go together.
    """
    spans, position = [], 1
    for value, _, _ in parts:
        lead = before.match(raw, position)
        start = lead.end() if lead else len(raw)
        end = start + len(value)
        after = _AFTER_VALUE.match(raw, end)
        if after is None or raw[start:end] != bytes(value):
            return []
        spans.append((start, end))
        position = after.end()
    return spans if position == len(raw) else []
