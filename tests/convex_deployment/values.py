"""Convex's three JSON encodings of a value (convex-backend, `crates/value/src/json`, `crates/value/src/export.rs`)."""

import base64
import json
import math
import re
import struct
from decimal import Decimal
from typing import Any

# A document whose text has none of these reads the same in all three encodings.
_SPECIAL = re.compile(rb'"\$|-0\.0|[:\[,]-?[0-9]+[,\]}]')


def exported(value: Any) -> str:
    """Write a value as `export_json`: compact, keys in the order of their bytes, `3` an int64 and `3.0` a float64."""
    return _written(_exported(value))


def recoded(text: bytes, encoding: str) -> bytes:
    """Rewrite `export_json` text in another encoding: `json`, `convex_encoded_json` or their aliases."""
    if encoding == "export_json" or not _SPECIAL.search(text):
        return text
    value = json.loads(text, parse_int=_Integer, parse_float=float)
    as_text = _encoded if encoding in ("convex_encoded_json", "convex_json") else _clean
    return _written(as_text(value)).encode()


class _Integer(int):
    """An int64, apart from the numbers that an encoding leaves bare."""


def _exported(value: Any) -> Any:
    if isinstance(value, dict) and "$integer" in value:
        return int.from_bytes(base64.b64decode(value["$integer"]), "little", signed=True)
    return _mapped(value, _exported)


def _encoded(value: Any) -> Any:
    if isinstance(value, _Integer):
        return {"$integer": base64.b64encode(value.to_bytes(8, "little", signed=True)).decode()}
    if isinstance(value, float) and value == 0 and math.copysign(1, value) < 0:
        return {"$float": base64.b64encode(struct.pack("<d", value)).decode()}
    return _mapped(value, _encoded)


def _clean(value: Any) -> Any:
    if isinstance(value, _Integer):
        return str(value)
    if isinstance(value, dict) and "$bytes" in value:
        return value["$bytes"]
    if isinstance(value, dict) and "$float" in value:
        number = struct.unpack("<d", base64.b64decode(value["$float"]))[0]
        return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
    return _mapped(value, _clean)


def _mapped(value: Any, change: Any) -> Any:
    if isinstance(value, dict):
        return {key: change(item) for key, item in value.items()}
    return [change(item) for item in value] if isinstance(value, list) else value


def _written(value: Any) -> str:
    """Write JSON as serde does."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{_written(key)}:{_written(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_written, value)) + "]"
    return _float(value) if isinstance(value, float) else json.dumps(value, ensure_ascii=False)


def _float(number: float) -> str:
    """Write a finite float as Rust's ryu does: `1e16`, not `1e+16`; `0.00001`, not `1e-05`."""
    if 1e-5 <= abs(number) < 1e-4:
        return format(Decimal(repr(number)), "f")
    mantissa, _, exponent = repr(number).partition("e")
    return f"{mantissa}e{int(exponent)}" if exponent else mantissa
