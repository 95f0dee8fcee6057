"""Cutting bytes into lines, however they arrive, in bounded memory."""

import threading
import time
from collections.abc import Generator, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from conftest import Extract, Process, landed, rejected
from hypothesis import example, given, settings
from hypothesis import strategies as st

from extract import lines
from extract.lines import LinePiece, prefetched, split, whole_lines

texts = st.lists(st.sampled_from([b"\n", b"\r\n", b"\r", b"a", b"bc", b"defghijk", b""]), max_size=20).map(b"".join)


def blocks_of(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    return [data[start:end] for start, end in pairwise(places)]


@settings(deadline=None)
@given(texts, st.lists(st.integers(1, 60)))
def test_lines_are_the_same_wherever_the_blocks_were_cut(data: bytes, cuts: list[int]) -> None:
    found = [line for chunk in whole_lines(blocks_of(data, cuts)) for line in split(_whole(chunk))]
    expected = data.split(b"\n")
    assert found == [line.removesuffix(b"\r") for line in (expected if expected[-1] else expected[:-1])]


def _whole(chunk: bytes | LinePiece) -> bytes:
    assert isinstance(chunk, bytes)
    return chunk


@settings(deadline=None)
@given(texts, st.lists(st.integers(1, 60)), st.integers(1, 12))
@example(b"abcdef\nx\n", [2, 4, 6], 3)  # the line feed begins a block
@example(b"abcdef", [2, 4], 3)  # there is none
def test_a_line_beyond_the_limit_comes_in_pieces_and_no_other_does(data: bytes, cuts: list[int], limit: int) -> None:
    blocks = blocks_of(data, cuts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "MAX_LINE_BYTES", limit)
        chunks = list(whole_lines(blocks))

    received, piece_count, line = [], 0, b""
    for chunk in chunks:
        if isinstance(chunk, bytes):
            assert piece_count == 0
            assert all(len(whole) <= limit + max(map(len, blocks)) for whole in chunk.split(b"\n"))
            received += chunk.split(b"\n")
            continue
        assert chunk.part == piece_count
        piece_count, line = piece_count + 1, line + chunk.data
        if chunk.is_last:
            assert len(line) > limit
            received.append(line)
            piece_count, line = 0, b""
    assert piece_count == 0
    assert received == (data.split(b"\n") if data[-1:] not in (b"", b"\n") else data.split(b"\n")[:-1])


# In files


@pytest.mark.parametrize(
    ("content", "documents", "blank_lines"),
    [
        pytest.param(b"", [], 0, id="nothing"),
        pytest.param(b"\n", [], 1, id="a line feed"),
        pytest.param(b"\n\n \t\n\r\n{A}\n\n", [b"{A}"], 5, id="blank lines and lines of white space"),
        pytest.param(b"{A}\n{B}", [b"{A}", b"{B}"], 0, id="no line feed at the end"),
        pytest.param(b"{A}\r\n{B}\r\n", [b"{A}", b"{B}"], 0, id="CRLF"),
        pytest.param(b"{A}\r\n{B}\n{C}\r", [b"{A}", b"{B}", b"{C}"], 0, id="CRLF here and there"),
        pytest.param(b"{A}\r\r\n{B}\n", [b"{A}\r", b"{B}"], 0, id="a carriage return before CRLF is the line's"),
        pytest.param(b" {A} \n\t{B}\t\n", [b" {A} ", b"\t{B}\t"], 0, id="white space around is the line's"),
        pytest.param(b"\xef\xbb\xbf{A}\n{B}\n", [b"{A}", b"{B}"], 0, id="a byte order mark at the start"),
        pytest.param(b"\xef\xbb\xbf", [], 0, id="nothing but a byte order mark"),
        pytest.param(b"\xef\xbb\xbf\r\n{A}", [b"{A}"], 1, id="a byte order mark by itself on a line"),
    ],
)
def test_line_endings(extract: Extract, content: bytes, documents: list[bytes], blank_lines: int) -> None:
    def filled(text: bytes) -> bytes:
        for name in (b"A", b"B", b"C"):
            text = text.replace(b"{%s}" % name, b'{"_id":"%s"}' % name)
        return text

    Path("t.jsonl").write_bytes(filled(content))
    (table,) = extract.load("t.jsonl")["tables"]
    assert landed(extract.raw, "t") == [filled(document) for document in documents]
    assert (table["rows"], table["blank_lines"], table["rejected"]) == (len(documents), blank_lines, {})
    assert table["notes"] == (["the file began with a byte order mark"] if content.startswith(b"\xef") else [])
    assert rejected(extract.raw) == []


def test_a_byte_order_mark_before_any_line_is_no_part_of_it(extract: Extract) -> None:
    mark = b"\xef\xbb\xbf"
    Path("t.jsonl").write_bytes(mark + mark.join([b'{"_id":"a"}\n', b'{"_id":"b"}\r\n', b"\n", b"spoilt\n"]))
    (table,) = extract.load("t.jsonl")["tables"]
    assert landed(extract.raw, "t") == [b'{"_id":"a"}', b'{"_id":"b"}']
    assert [(row["line_number"], row["raw"]) for row in rejected(extract.raw)] == [(4, mark + b"spoilt")]
    assert table["blank_lines"] == 1
    assert table["notes"] == ["the file began with a byte order mark", "1 other line(s) begin with a byte order mark"]


def test_a_line_beyond_the_limit_is_set_aside_whole_and_the_next_keeps_its_number(
    extract: Extract, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", 2_500_000)
    long = b'{"_id":"long","x":"' + bytes(range(32, 127)).replace(b'"', b"") * 40_000 + b'"}\r'
    Path("t.jsonl").write_bytes(b'{"_id":"a"}\n' + long + b'\n{"_id":"b"}\nspoilt\n' + long)

    (table,) = extract.load("t.jsonl", "--lenient")["tables"]

    assert landed(extract.raw, "t") == [b'{"_id":"a"}', b'{"_id":"b"}']
    assert table["rejected"] == {"too_long": 2, "invalid_json": 1}
    found = rejected(extract.raw)
    for number in (2, 5):
        pieces = [row for row in found if row["line_number"] == number]
        assert [row["part"] for row in pieces] == list(range(len(pieces)))
        assert {row["reason"] for row in pieces} == {"too_long"}
        assert b"".join(row["raw"] for row in pieces) == long
    assert [row["raw"] for row in found if row["line_number"] == 4] == [b"spoilt"]


def test_a_line_of_70_mb_is_set_aside_in_little_memory(process: Process) -> None:
    line = b'{"_id":"a","x":"' + b"colour " * 10_000_000 + b'"}'
    file = process.cwd / "t.jsonl"
    file.write_bytes(line + b'\n{"_id":"b"}\n' + line + b'\n{"_id":"c"}\n')
    assert process("load", "t.jsonl").code == 0
    assert process.peak_mb() < 400
    raw = process.cwd / "raw"
    assert landed(raw, "t") == [b'{"_id":"b"}', b'{"_id":"c"}']
    for number in (1, 3):
        assert b"".join(row["raw"] for row in rejected(raw) if row["line_number"] == number) == line


# Reading ahead


def test_what_is_read_ahead_comes_in_its_order() -> None:
    assert list(prefetched(range(1000))) == list(range(1000))


def test_an_error_in_reading_ahead_is_raised_after_what_came_before() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("spoilt")

    found = prefetched(items())
    assert next(found) == 1
    with pytest.raises(ValueError, match="spoilt"):
        next(found)


def test_reading_ahead_goes_only_so_far_and_ends_with_its_reader() -> None:
    produced = []

    def items() -> Iterator[int]:
        for n in range(1000):
            produced.append(n)
            yield n

    others = {*threading.enumerate()}
    found = prefetched(items(), depth=4)
    assert next(found) == 0
    before = 0
    while len(produced) < 5 or len(produced) > before:
        before = len(produced)
        time.sleep(0.1)
    assert len(produced) <= 7
    (reader,) = {*threading.enumerate()} - others
    assert isinstance(found, Generator)
    found.close()
    assert not reader.is_alive()
