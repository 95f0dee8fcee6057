"""From blocks of bytes to lines, in bounded memory."""

import queue
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
MAX_LINE_BYTES = 48 * 1024 * 1024
"""A longer line can't be a document: Convex caps a value at 32 MiB. It is set aside in pieces."""

T = TypeVar("T")


@dataclass(frozen=True)
class LinePiece:
    """A piece of a line that is longer than `MAX_LINE_BYTES`; `part` counts from 0."""

    part: int
    is_last: bool
    data: bytes


@dataclass(frozen=True)
class _Item(Generic[T]):
    value: T


@dataclass(frozen=True)
class _End:
    error: BaseException | None


def whole_lines(blocks: Iterable[bytes]) -> Iterator[bytes | LinePiece]:
    """Cut blocks at line feeds, into chunks of one or more whole lines without the last line feed.

    The last line of the input needs no line feed. One line at most is held over between two blocks; a line that is
    too long to hold comes in pieces of a block each.
    """
    part, held, held_bytes = 0, [], 0
    for block in blocks:
        if part:
            head, line_feed, block = block.partition(b"\n")
            yield LinePiece(part, bool(line_feed), head)
            if not line_feed:
                part += 1
                continue
            part = 0
        end = block.rfind(b"\n")
        if end >= 0:
            held.append(block[:end])
            yield _joined(held)
            held_bytes = 0
        held.append(block[end + 1 :])
        held_bytes += len(held[-1])
        if held_bytes > MAX_LINE_BYTES:
            for part, piece in enumerate(held):
                yield LinePiece(part, is_last=False, data=piece)
            part, held_bytes = part + 1, 0
            held.clear()
    if part:
        yield LinePiece(part, is_last=True, data=b"")
    elif held_bytes:
        yield _joined(held)


def _joined(held: list[bytes]) -> bytes:
    """Join and forget the parts, so that nothing but the result is in memory while it is read."""
    whole = b"".join(held)
    held.clear()
    return whole


def split(chunk: bytes) -> list[bytes]:
    """Return the lines of a chunk. A carriage return before a line feed ends the line and is no part of it."""
    lines = chunk.split(b"\n")
    if b"\r" in chunk:
        return [line.removesuffix(b"\r") for line in lines]
    return lines


def prefetched(items: Iterable[T], depth: int = 4) -> Iterator[T]:
    """Yield the same items, produced by a thread up to `depth` ahead. Its exceptions are raised here."""
    ready: queue.Queue[_Item[T] | _End] = queue.Queue(depth)
    stopped = threading.Event()

    def put(entry: _Item[T] | _End) -> None:
        while not stopped.is_set():
            try:
                ready.put(entry, timeout=0.1)
                return
            except queue.Full:
                continue

    def produce() -> None:
        try:
            for item in items:
                put(_Item(item))
                if stopped.is_set():
                    return
            put(_End(None))
        except BaseException as error:  # handed to the consumer, which raises it
            put(_End(error))

    thread = threading.Thread(target=produce, daemon=True)
    thread.start()
    try:
        while isinstance(entry := ready.get(), _Item):
            yield entry.value
        if entry.error is not None:
            raise entry.error
    finally:
        stopped.set()
        thread.join(1)  # a thread that waits for the network ends with the process
