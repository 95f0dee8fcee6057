"""What a Convex ZIP export is made of, byte by byte: the container, document IDs and the two JSON encodings."""

import base64
import json
import math
import random
import struct
import zlib
from collections.abc import Iterable, Iterator
from operator import mul
from typing import BinaryIO, Literal

Encoding = Literal["uniform", "legacy"]
Value = None | bool | int | float | str | bytes | list["Value"] | dict[str, "Value"]
"""A Convex value: `int` is int64, `float` is float64."""

_UNKNOWN_32 = 0xFFFFFFFF
_UNKNOWN_16 = 0xFFFF
_VERSION = 45  # 4.5: the first with ZIP64
_FLAGS = 1 << 3 | 1 << 11  # sizes follow the data; names are UTF-8
_DEFLATE = 8
_MIDNIGHT, _1980_01_01 = 0, 0x21
_REGULAR_FILE_0644 = 0o100644 << 16
_ZIP64 = 1


class ZipStream:
    """Writes a ZIP the way Convex's export does, front to back, never seeking.

    Convex's ZIP export streams its entries: each is deflated with mode 0644, its local header holds 0xFFFFFFFF for both
    sizes beside a ZIP64 extra field of zeros, and the 16-byte data descriptor after the data repeats 0xFFFFFFFF
    where the sizes should be (only its CRC is true). The true sizes are in the central directory, always ZIP64, so
    such a file can be read through its directory and not as a stream. All times are 1980-01-01, so that the same
    content makes the same bytes.
    """

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._offset = 0
        self._directory: list[bytes] = []

    def add(self, name: str, blocks: Iterable[bytes]) -> None:
        """Write one entry from blocks of bytes, holding one block at a time."""
        path = name.encode()
        start, crc, size, packed_size = self._offset, 0, 0, 0
        common = struct.pack("<HHHHH", _VERSION, _FLAGS, _DEFLATE, _MIDNIGHT, _1980_01_01)
        self._write(
            b"PK\x03\x04"
            + common
            + struct.pack("<LLLHH", 0, _UNKNOWN_32, _UNKNOWN_32, len(path), 20)
            + path
            + struct.pack("<HHQQ", _ZIP64, 16, 0, 0)
        )
        packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
        for block in blocks:
            crc = zlib.crc32(block, crc)
            size += len(block)
            packed_size += self._write(packer.compress(block))
        packed_size += self._write(packer.flush())
        self._write(b"PK\x07\x08" + struct.pack("<LLL", crc, _UNKNOWN_32, _UNKNOWN_32))
        self._directory.append(
            b"PK\x01\x02"
            + struct.pack("<BB", _VERSION, 3)  # made on Unix
            + common
            + struct.pack("<LLLHH", crc, _UNKNOWN_32, _UNKNOWN_32, len(path), 28)
            + struct.pack("<HHHLL", 0, 0, 0, _REGULAR_FILE_0644, _UNKNOWN_32)
            + path
            + struct.pack("<HHQQQ", _ZIP64, 24, size, packed_size, start)
        )

    def close(self) -> None:
        """Write the central directory and its three end records. The file itself is left open."""
        directory, start = b"".join(self._directory), self._offset
        entries, end = len(self._directory), start + len(directory)
        self._write(
            directory
            + b"PK\x06\x06"
            + struct.pack("<QBBHLLQQQQ", 44, _VERSION, 0, _VERSION, 0, 0, entries, entries, len(directory), start)
            + b"PK\x06\x07"
            + struct.pack("<LQL", 0, end, 1)
            + b"PK\x05\x06"
            + struct.pack("<HHHHLLH", 0, 0, _UNKNOWN_16, _UNKNOWN_16, _UNKNOWN_32, _UNKNOWN_32, 0)
        )

    def _write(self, data: bytes) -> int:
        self._out.write(data)
        self._offset += len(data)
        return len(data)


_TO_CROCKFORD = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b"0123456789abcdefghjkmnpqrstvwxyz")
_FROM_CROCKFORD = bytes.maketrans(b"0123456789abcdefghjkmnpqrstvwxyz", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
_INTERNAL_BYTES = 16


def document_id(table_number: int, internal: bytes) -> str:
    """Spell a document's `_id`.

    Convex's `id_v6`: the table number (7 bits a byte, low group first), the 16 internal bytes and their Fletcher-16
    (sums modulo 256, low byte first), all in Crockford's base 32, lower case, high bit first.
    """
    return _spell_id(_vint(table_number) + internal)


def parse_document_id(text: str) -> tuple[int, bytes]:
    """Read an `_id` back into table number and internal bytes. Raises ValueError unless it is canonical."""
    padded = text.encode("ascii").translate(_FROM_CROCKFORD) + b"=" * (-len(text) % 8)
    data = base64.b32decode(padded)
    length = next((n for n, byte in enumerate(data, 1) if byte < 128), 0)
    number = sum((byte & 127) << 7 * n for n, byte in enumerate(data[:length]))
    internal = data[length : length + _INTERNAL_BYTES]
    if len(internal) != _INTERNAL_BYTES or document_id(number, internal) != text:
        raise ValueError(f"not a canonical document ID: {text!r}")
    return number, internal


def ascending_ids(table_number: int, total: int, rng: random.Random) -> Iterator[str]:
    """Yield `total` IDs of one table, random and yet in by_id order, the order in which Convex exports a table.

    The n-th ID falls at random within the n-th of `total` equal shares of the ID space: nothing is sorted or kept.
    """
    prefix = _vint(table_number)
    for n in range(total):
        high = (n << 64 | rng.getrandbits(64)) // total
        yield _spell_id(prefix + (high << 64 | rng.getrandbits(64)).to_bytes(_INTERNAL_BYTES, "big"))


def _spell_id(data: bytes) -> str:
    return base64.b32encode(data + _fletcher16(data)).rstrip(b"=").translate(_TO_CROCKFORD).decode()


def _vint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def _fletcher16(data: bytes) -> bytes:
    return bytes((sum(data) & 255, sum(map(mul, data, range(len(data), 0, -1))) & 255))


_PLAIN_JSON = json.JSONEncoder(ensure_ascii=False)


def to_json(value: Value, encoding: Encoding = "uniform") -> str:
    """Write a value as Convex's export does: compact, keys in byte order, raw UTF-8 with the fewest escapes.

    uniform is `export_json` (exports since March 2026): int64 is a number without a point, and `{"$bytes": …}` and
    `{"$float": …}` hold what JSON can't. legacy is the older `json` ("clean") encoding, lossy on its own: int64 and
    bytes become strings, and so do NaN and the infinities.
    """
    match value:
        case None | bool() | str():
            return _PLAIN_JSON.encode(value)
        case int():
            return str(value) if encoding == "uniform" else f'"{value}"'
        case float():
            return _float_json(value, encoding)
        case bytes():
            text = base64.b64encode(value).decode()
            return f'{{"$bytes":"{text}"}}' if encoding == "uniform" else f'"{text}"'
        case list():
            return f"[{','.join(to_json(item, encoding) for item in value)}]"
        case dict():
            return f"{{{','.join(f'{to_json(key)}:{to_json(value[key], encoding)}' for key in sorted(value))}}}"


def _float_json(value: float, encoding: Encoding) -> str:
    if math.isfinite(value):
        return _finite_float_json(value)
    if encoding == "uniform":
        return f'{{"$float":"{base64.b64encode(struct.pack("<d", value)).decode()}"}}'
    return '"NaN"' if math.isnan(value) else '"Infinity"' if value > 0 else '"-Infinity"'


def _finite_float_json(value: float) -> str:
    """Spell a float as Rust's serde_json does: `3.0`, `1e16`, `1e-7`; and 0.00001, where Python says `1e-05`."""
    mantissa, _, exponent = repr(value).partition("e")
    if not exponent:
        return mantissa
    if int(exponent) == -5:
        sign, digits = "-" * mantissa.startswith("-"), mantissa.lstrip("-").replace(".", "")
        return f"{sign}0.0000{digits}"
    return f"{mantissa}e{int(exponent)}"
