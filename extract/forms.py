"""The form of a file of documents: how it is packed, how its text is encoded, and how documents are set apart in it.

Read is what needs no guessing: gzip and zstd, by their magic bytes; UTF-8, and UTF-16 and UTF-32 with a byte order
mark; one document a line, a JSON array of documents, or indented documents one after the other. The three compose.
What a file begins with that holds no documents, the error shows.
"""

import codecs
import re
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Literal

import pyarrow as pa

from common.errors import CommandError
from common.text import visible
from extract.lines import BYTE_ORDER_MARK, MAX_LINE_BYTES

Layout = Literal["lines", "array", "objects"]

HEAD_BYTES = 64 * 1024
BLOCK_BYTES = 1024 * 1024
MAX_PACKINGS = 4
"""A file that is packed more often than this may unpack to itself for ever."""
PACKINGS = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
ENCODINGS = {
    codecs.BOM_UTF32_LE: "utf-32-le",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
WHITE_SPACE = b" \t\r\n"
SHOWN_BYTES = 60
WHAT_LANDS = "load a snapshot (npx convex export --path snapshot.zip), or JSON in UTF-8, a document a line"

_ARRAY = re.compile(rb"[ \t\r\n]*\[[ \t\r\n]*[{\]]")
_INDENTED = re.compile(rb"[ \t\r\n]*\{[ \t\r]*\n")
"""A brace by itself on the first line. No document is that, and none begins so that has a line to itself."""
_LAYOUT_NOTES: dict[Layout, str] = {
    "array": "the file is a JSON array: its elements are numbered from 1, in place of lines",
    "objects": "the file holds documents over several lines: they are numbered from 1, in place of lines",
}

# As many whole strings, lists without brackets inside, and others than strings and brackets (and commas) as there are:
# the next byte is a bracket (or a comma), or the text ends, perhaps inside a string.
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_FLAT_LIST = rb'\[[^"\[\]{}]*+(?:' + _STRING + rb'[^"\[\]{}]*+)*+\]'
_TO_BRACKET = re.compile(rb'(?:[^"\[\]{}]++|' + _STRING + rb"|" + _FLAT_LIST + rb")*+", re.DOTALL)
_TO_BRACKET_OR_COMMA = re.compile(rb'(?:[^"\[\]{},]++|' + _STRING + rb")*+", re.DOTALL)


def begins_with(head: bytes) -> str:
    """Say how a file begins, for an error about one that holds no documents."""
    line = head.lstrip(WHITE_SPACE).split(b"\n", 1)[0]
    return f"It begins with {visible(line[:SHOWN_BYTES].decode(errors='replace').strip())}"


@dataclass(frozen=True)
class Form:
    """A file's text in UTF-8, and how documents stand in it. `head` is how the text, or what else it is, begins."""

    layout: Layout
    head: bytes
    blocks: Iterator[bytes]
    notes: list[str]
    """Sentences on what the file is, where it isn't plain lines of UTF-8."""


def read_form(blocks: Iterable[bytes], name: str) -> Form:
    """Read as much of a file as shows its form. Raises CommandError, here or in reading on, where it is damaged."""
    notes: list[str] = []
    head, blocks = _peek(blocks)
    for _ in range(MAX_PACKINGS):
        packing = next((packing for magic, packing in PACKINGS.items() if head.startswith(magic)), None)
        if packing is None:
            break
        notes.append(f"the file is packed with {packing}")
        head, blocks = _peek(_unpacked(blocks, packing, name))
    else:
        raise CommandError(f"{name} is packed {MAX_PACKINGS} times or more: unpack it first. Nothing was landed")
    for mark, encoding in ENCODINGS.items():
        if head.startswith(mark):
            notes.append(f"the file is encoded in {encoding.upper()}, and lands in UTF-8")
            head, blocks = _peek(_as_utf8(blocks, encoding, name))
            break
    if head.startswith(BYTE_ORDER_MARK):
        if not any("encoded" in note for note in notes):
            notes.append("the file began with a byte order mark")
        head, blocks = head.removeprefix(BYTE_ORDER_MARK), _without_mark(blocks)
    layout: Layout = "array" if _ARRAY.match(head) else "objects" if _INDENTED.match(head) else "lines"
    if layout in _LAYOUT_NOTES:
        notes.append(_LAYOUT_NOTES[layout])
    return Form(layout, head[:HEAD_BYTES], blocks, notes)


def _peek(blocks: Iterable[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Return the first bytes, at least `HEAD_BYTES` of them if there are as many, and the same blocks."""
    blocks = iter(blocks)
    held: list[bytes] = []
    while sum(map(len, held)) < HEAD_BYTES and (block := next(blocks, None)) is not None:
        held.append(block)
    return b"".join(held), chain(held, blocks)


def _without_mark(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Drop a byte order mark at the start of the file: it marks the file and is no part of the first line."""
    first = b""
    for block in blocks:
        first += block
        if len(first) >= len(BYTE_ORDER_MARK):
            break
    yield first.removeprefix(BYTE_ORDER_MARK)
    yield from blocks


# Packing and encoding


class _Stream:
    """Blocks as a file, of which Arrow reads."""

    closed = False

    def __init__(self, blocks: Iterator[bytes]):
        self._blocks = blocks
        self._rest = b""

    def read(self, size: int) -> bytes:
        """Return up to so many bytes; none at the end."""
        if not self._rest:
            self._rest = next(self._blocks, b"")
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken

    def close(self) -> None:
        """Leave the blocks to whoever made them."""


def _unpacked(blocks: Iterator[bytes], packing: str, name: str) -> Generator[bytes]:
    try:
        with pa.CompressedInputStream(pa.PythonFile(_Stream(blocks), mode="r"), packing) as stream:
            while block := stream.read(BLOCK_BYTES):
                yield block
    except OSError as error:
        raise CommandError(
            f"{name} is damaged: it can't be unpacked with {packing} ({error}). Nothing was landed; get it again"
        ) from None


def _as_utf8(blocks: Iterator[bytes], encoding: str, name: str) -> Generator[bytes]:
    """Encode text again. Half a surrogate pair has no UTF-8, so what holds one is set aside like any spoilt line."""
    decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")
    try:
        for block in blocks:
            yield decoder.decode(block).encode("utf-8", "surrogatepass")
        yield decoder.decode(b"", final=True).encode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise CommandError(
            f"{name} is damaged: it begins as {encoding.upper()} and goes on otherwise ({error.reason}). "
            "Nothing was landed; get it again, or convert it to UTF-8"
        ) from None


# Elements


def elements(blocks: Iterable[bytes], layout: Layout, name: str) -> Iterator[list[bytes]]:
    """Yield the texts of an array's elements, or of documents one after the other, without the white space around.

    They come in lists, one at least. No text is checked, but that its brackets and strings end; and of an array, that
    commas stand between its elements and nothing after it. Raises CommandError where that isn't so, and where a text
    is too long for a document. One text and a block at most are held.
    """
    cutter = _Cutter(name, is_array=layout == "array")
    for block in blocks:
        if found := cutter.cut(block):
            yield found
    if found := cutter.end():
        yield found


class _Cutter:
    """Cuts text that comes in blocks."""

    def __init__(self, name: str, *, is_array: bool):
        self._name = name
        self._is_array = is_array
        self._top = int(is_array)
        """The depth at which texts stand side by side."""
        self._depth = 0
        self._held = b""
        self._position = 0
        """Where to go on in what is held: not inside a string."""
        self._count = 0
        self._has_ended = False

    def cut(self, block: bytes) -> list[bytes]:
        """Return the texts that end in this block."""
        text, start, position = self._held + block, 0, self._position
        found: list[bytes] = []
        while True:
            between = self._depth <= self._top
            match = (_TO_BRACKET_OR_COMMA if between else _TO_BRACKET).match(text, position)
            position = match.end() if match else position
            mark = text[position : position + 1]
            if mark in (b"", b'"'):  # the end, perhaps inside a string
                break
            position += 1
            if not between:
                self._depth += 1 if mark in b"[{" else -1
                if self._depth or self._is_array:
                    continue
                found.append(self._taken(text[start:position]))  # documents need nothing between them
            elif self._depth < self._top:
                self._begin(mark, text[start : position - 1])
            elif mark in b"[{":
                self._depth += 1
                continue
            else:
                found += self._separated(mark, text[start : position - 1])
            start = position
        self._held, self._position = text[start:], position - start
        if len(self._held) > MAX_LINE_BYTES:
            raise self._refused(f"element {self._count + 1} is longer than the 32 MiB that a Convex document may have")
        return found

    def _begin(self, mark: bytes, before: bytes) -> None:
        """Open the array, by which the form was recognised, or refuse what comes after it."""
        if self._has_ended or mark != b"[" or before.strip(WHITE_SPACE):
            raise self._refused("something comes after the array's end")
        self._depth = 1

    def _separated(self, mark: bytes, text: bytes) -> list[bytes]:
        """Return the text before a comma or the array's end."""
        if not self._is_array or mark == b"}":
            raise self._refused(f"there is a {mark.decode()} too many after element {self._count}")
        text = text.strip(WHITE_SPACE)
        if mark == b"]":
            self._depth, self._has_ended = 0, True
            if not text and not self._count:
                return []
        return [self._taken(text)]

    def _taken(self, text: bytes) -> bytes:
        text = text.strip(WHITE_SPACE)
        if not text:
            raise self._refused(f"there is a comma too many after element {self._count}")
        self._count += 1
        return text

    def end(self) -> list[bytes]:
        """Return what came after the last text that ended."""
        rest = self._held.strip(WHITE_SPACE)
        if self._depth or (self._is_array and not self._has_ended):
            raise self._refused(f"it ends inside element {self._count + 1}, so it was cut short or is spoilt before")
        if self._is_array and rest:
            raise self._refused("something comes after the array's end")
        return [rest] if rest else []

    def _refused(self, reason: str) -> CommandError:
        what = "a JSON array" if self._is_array else "JSON documents over several lines"
        return CommandError(f"{self._name} is {what} that can't be read: {reason}. Nothing was landed; fix the file")
