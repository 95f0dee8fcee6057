"""What an uploaded ZIP says, as an import reads it (convex-backend, `crates/application/src/snapshot_import/parse.rs`).

A table whose `generated_schema.jsonl` is `"uniform"` holds `export_json`: `3` is an int64, `3.0` a float64. Without one
its documents are plain JSON: every number is a float64, and a key that begins with `$` is refused.
"""

import base64
import io
import json
import math
import re
import zipfile
from dataclasses import dataclass
from typing import Any

from convex_deployment.ids import decode_id

MEBIBYTE = 1024 * 1024
LONGEST_ARRAY = 8192
MOST_FIELDS = 1024
DEEPEST = 16
LONGEST_NAME = 1024

_DOCUMENTS = re.compile(r"(?P<prefix>.*/)?(?P<table>[^/]+)/documents\.jsonl")
_SCHEMA = re.compile(r"(?P<prefix>.*/)?(?P<table>[^/]+)/generated_schema\.jsonl")
_COMPONENT = re.compile(r"_components/([^/]+)/")
_TABLE_NAME = re.compile(r"(?=.*[A-Za-z0-9])[A-Za-z][A-Za-z0-9_]{0,63}")
_FIELD_NAME = re.compile(r"(?!\$)[\x20-\x7e]*")

Place = tuple[str, str]
"""Component path and table name."""


class ImportFailedError(Exception):
    """What the failed import says."""


@dataclass
class ParsedTable:
    """The rows of one table, as JSON texts, and whether they are `export_json`."""

    lines: list[bytes]
    is_uniform: bool

    def documents(self) -> list[dict[str, Any]]:
        """Return the rows as values. Raises ImportFailedError for one that can't be a Convex document."""
        return [_document(line, number, self.is_uniform) for number, line in enumerate(self.lines, 1)]


def parsed(body: bytes, reads_uniform: bool = True) -> dict[Place, ParsedTable]:
    """Return the tables of an archive; each row is a JSON object. Raises ImportFailedError."""
    tables: dict[Place, ParsedTable] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            names = archive.namelist()
            for name in names:
                if match := _DOCUMENTS.fullmatch(name):
                    place = _place(match)
                    *lines, rest = archive.read(name).split(b"\n")
                    lines += [rest] if rest else []
                    for number, line in enumerate(lines, 1):
                        _json_object(line, number)
                    tables[place] = ParsedTable(lines, is_uniform=False)
            for name in names:
                match = _SCHEMA.fullmatch(name)
                if match and _place(match) in tables:
                    if archive.read(name).strip() != b'"uniform"':
                        raise ImportFailedError(f"cannot parse {name}")
                    if not reads_uniform:
                        raise ImportFailedError(f"cannot parse {name}: unexpected token at 'uniform'")
                    tables[_place(match)].is_uniform = True
    except zipfile.BadZipFile as error:
        raise ImportFailedError("invalid zip file") from error
    return tables


def _place(match: re.Match[str]) -> Place:
    components = _COMPONENT.findall(match["prefix"] or "")
    if not _TABLE_NAME.fullmatch(match["table"]):
        raise ImportFailedError(f"table name '{match['table']}' invalid")
    return "/".join(components), match["table"]


def _json_object(line: bytes, number: int) -> dict[str, Any]:
    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no JSON")

    try:
        value = json.loads(line.decode(), parse_constant=refuse, parse_int=_integer)
        json.dumps(value, ensure_ascii=False).encode()  # no half of a surrogate pair
    except ValueError as error:
        raise ImportFailedError(f"Row {number} wasn't valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise ImportFailedError(f"Row {number} wasn't an object")
    return value


def _integer(text: str) -> int | float:
    return number if -(2**63) <= (number := int(text)) < 2**63 else float(text)


def _document(line: bytes, number: int, is_uniform: bool) -> dict[str, Any]:
    try:
        value = _value(_json_object(line, number), is_uniform, 1)
        for name in value:
            if name.startswith("_") and name not in ("_id", "_creationTime"):
                raise ValueError(f"field {name} starts with an underscore")
        if "_id" in value:
            decode_id(value["_id"])
        created = value.get("_creationTime", 1.0)
        if not isinstance(created, float) or not 0 < created < 2**53:
            raise ValueError("_creationTime must be a float64")
        if (size := _size(value)) > MEBIBYTE:
            raise ValueError(f"the document has {size} bytes, which is more than 1 MiB")
    except (ValueError, TypeError) as error:
        raise ImportFailedError(f"Row {number} wasn't a valid Convex value: {error}") from error
    return value


def _value(value: Any, is_uniform: bool, depth: int) -> Any:
    """Return a value as the store keeps it: int64 as int, float64 as float, bytes and NaN as `$` objects."""
    if isinstance(value, bool) or value is None or isinstance(value, str | float):
        return value
    if isinstance(value, int):
        return value if is_uniform else float(value)
    if depth > DEEPEST:
        raise ValueError(f"nested more than {DEEPEST} levels deep")
    if isinstance(value, list):
        if len(value) > LONGEST_ARRAY:
            raise ValueError(f"an array has {len(value)} elements, which is more than {LONGEST_ARRAY}")
        return [_value(item, is_uniform, depth + 1) for item in value]
    if is_uniform and len(value) == 1 and (kind := next(iter(value))) in ("$float", "$bytes"):
        base64.b64decode(value[kind], validate=True)
        return value
    if len(value) > MOST_FIELDS:
        raise ValueError(f"an object has {len(value)} fields, which is more than {MOST_FIELDS}")
    for name in value:
        if len(name) > LONGEST_NAME or not _FIELD_NAME.fullmatch(name):
            raise ValueError(f"field name {name!r} must be printable ASCII and not start with '$'")
    return {name: _value(item, is_uniform, depth + 1) for name, item in value.items()}


def _size(value: Any) -> int:
    """Return Convex's size of a value in bytes (`crates/value/src/size.rs`)."""
    if value is None or isinstance(value, bool):
        return 1
    if isinstance(value, int | float):
        return 9
    if isinstance(value, str):
        return len(value.encode()) + 2
    if isinstance(value, list):
        return 2 + sum(map(_size, value))
    if "$bytes" in value:
        return 2 + math.ceil(len(value["$bytes"]) * 3 / 4)
    return 2 + sum(len(name) + 1 + _size(item) for name, item in value.items())
