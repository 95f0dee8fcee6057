"""What makes a line a document, and that every line is landed or set aside byte for byte."""

import json
import math
import tempfile
from pathlib import Path
from typing import Any, NoReturn

import pytest
from conftest import Extract, landed, rejected, rows
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from extract.documents import Document, read_all, read_one
from extract.forms import read_form
from extract.landing import LandingZone
from extract.load import load

TOKENS = [
    *(b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b" ", b"\t", b"\r", b"\x00", b"\x1f", b"\x7f", b"\x0b", b"\xa0"),
    *(b'"_id"', b'"_id":"a"', b'"_id":1', b'{"_id":"a"}', b'"_creationTime":', b'"x":', b"null", b"true", b"falsE"),
    *(b"0", b"-", b"-0.0", b"1e999", b"1e16", b"01", b".5", b"1.", b"9007199254740993", b"NaN", b"Infinity", b"'"),
    *(b"\\u0000", b"\\ud800", b"\\uDC00", b"\\ufffd", b"\\u005f", b"\\u00", b"\\x", b"\\\\ud800", b"\\/"),
    *(b"\xef\xbb\xbf", b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xf0\x9f", b"\xef\xbf\xbd"),
    *("凉".encode(), "🎨".encode(), b"//", b"/**/", b"\xe2\x80\xa8"),
]
MARK = b"\xef\xbb\xbf"
NUMBERS = ["0", "-0.0", "-0", "1E+5", "1e-400", "1e999", "-1e999", "9" * 400, "1." + "3" * 400, "9007199254740993"]
STRINGS = ["凉", "é", "\\u0000", "\\ud800", "\\udc00", "\\ud83d\\ude00", "\\udc00\\ud800", "\\\\ud800", '\\"', "\x7f"]


def object_text(pairs: list[tuple[str, str]]) -> str:
    return "{" + ",".join(f'"{name}":{value}' for name, value in pairs) + "}"


json_strings = st.lists(st.sampled_from(STRINGS) | st.text("ab _$", max_size=3), max_size=3).map("".join)
json_texts = st.recursive(
    st.sampled_from(["null", "true", "false", *NUMBERS])
    | st.floats(allow_nan=False, allow_infinity=False).map(repr)
    | json_strings.map(lambda text: f'"{text}"'),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{','.join(items)}]")
        | st.lists(st.tuples(json_strings, inner), max_size=3).map(object_text)
    ),
    max_leaves=6,
)
names = st.sampled_from(["_id", "_creationTime", "\\u005fid", "x", "x", "_ID", ""])
values = st.sampled_from(['"a"', '"凉"', '""', '"\\ud800"', '"\ufffd"', "1", "null", "1763895302000.5"]) | json_texts
pairs = st.lists(st.tuples(names, values), max_size=4)
objects = (pairs | pairs.map(lambda fields: [*fields, ("_id", '"a"')])).map(object_text).map(str.encode)
plain_values = json_texts.filter(lambda text: "\\ud" not in text.replace("\\ud83d\\ude00", ""))
plain_documents = st.lists(st.tuples(st.just("x"), plain_values), max_size=3).map(
    lambda fields: object_text([("_creationTime", "1.5"), *fields, ("_id", '"k凉"')]).encode()
)


@st.composite
def spoilt(draw: st.DrawFn) -> bytes:
    """An object in which something was put in, taken out or replaced."""
    line = draw(objects)
    start, length = draw(st.integers(0, len(line))), draw(st.integers(0, 3))
    return line[:start] + draw(st.sampled_from([*TOKENS, b""])) + line[start + length :]


lines = st.one_of(
    objects,
    spoilt(),
    json_texts.map(str.encode),
    st.lists(st.sampled_from(TOKENS), max_size=6).map(b"".join),
    st.binary(max_size=12),
).map(lambda line: line.replace(b"\n", b""))


def is_blank(line: bytes) -> bool:
    return not line.strip(b" \t\r")


def refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def judge(line: bytes) -> Document | None:
    """Read a line as Python's own parser does, held to RFC 8259."""
    try:
        value = json.loads(line.decode(), parse_constant=refuse, parse_int=float)
    except ValueError:
        return None
    document_id = value.get("_id") if isinstance(value, dict) else None
    if not isinstance(document_id, str):
        return None
    try:
        document_id.encode()
    except UnicodeEncodeError:
        return None
    time = value.get("_creationTime")
    return Document(document_id, time if isinstance(time, float) and math.isfinite(time) else None)


@settings(deadline=None)
@given(lines.filter(lambda line: not is_blank(line)))
@example(b'{"_id":"\xef\xbf\xbd","x":"\\ud800"}')
@example(b'{"_id":"\\ufffd","x":"\\ud800"}')
@example(b'{"_id":"a","x":"\\\\\\ud800"}')
@example(b'{"_id":1,"\\u005fid":"b"}')
def test_a_line_is_a_document_exactly_if_a_strict_judge_says_so(line: bytes) -> None:
    found = read_one(line)
    assert (found if isinstance(found, Document) else None) == judge(line)


@settings(deadline=None)
@given(st.lists(objects | lines, min_size=1, max_size=4))
@example([b'{"_id":"a"}{"_id":"b"}', b'{"_id":"c","x":"}', b'{"}'])
@example([b'{"_id":"a"} {"_id":"b"}', b'{"_id":', b'"c"}'])
@example([b'{"_id":"a"', b"}"])
@example([b'{"_id":"a","x":1e999}', b'{"_id":"b","_creationTime":1e999}'])
def test_the_fast_way_through_a_chunk_finds_what_the_careful_way_finds(chunk: list[bytes]) -> None:
    found = read_all(b"\n".join(chunk))
    if found is not None:
        assert found["document"].cast("binary").to_pylist() == chunk
        read = zip(found["_id"].to_pylist(), found["_creation_time"].to_pylist(), strict=True)
        assert [Document(*fields) for fields in read] == [read_one(line) for line in chunk]


@settings(deadline=None)
@given(st.lists(plain_documents, min_size=1))
def test_the_fast_way_is_taken_by_documents_without_surprises(chunk: list[bytes]) -> None:
    found = read_all(b"\n".join(chunk))
    assert found is not None
    assert found["_id"].to_pylist() == ["k凉"] * len(chunk)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(lines, max_size=6),
    st.sampled_from([b"\n", b"\r\n"]),
    st.sampled_from([b"", MARK]),
    st.booleans(),
)
def test_every_line_is_landed_or_set_aside_or_blank(
    content: list[bytes], ending: bytes, mark: bytes, is_ended: bool
) -> None:
    body = ending.join(content) + (ending if is_ended and content else b"")
    assume(read_form([mark + body], "t.jsonl").layout == "lines")
    received = (mark + body).removeprefix(MARK).split(b"\n")
    received = [line.removesuffix(b"\r") for line in (received if received[-1] else received[:-1])]
    bare = [line.removeprefix(MARK) for line in received]
    good = [line for line in bare if judge(line)]
    bad = [(n, line) for n, line in enumerate(received, 1) if not is_blank(bare[n - 1]) and not judge(bare[n - 1])]

    with tempfile.TemporaryDirectory() as folder:
        file, raw = Path(folder, "t.jsonl"), Path(folder, "raw")
        file.write_bytes(mark + body)
        run = load(file, LandingZone(raw), lenient=True)

        assert landed(raw, "t") == good
        assert [(row["line_number"], row["raw"]) for row in rejected(raw)] == bad
    (table,) = run.tables
    assert (table.rows, run.rejected) == (len(good), len(bad))
    assert table.blank_lines == len(received) - len(good) - len(bad)
    assert table.document_bytes == sum(map(len, good))


# One by one


def land(extract: Extract, content: bytes) -> dict[str, Any]:
    """Land a file, and return the summary of its table."""
    Path("t.jsonl").write_bytes(content)
    (table,) = extract.load("t.jsonl")["tables"]
    return table


@pytest.mark.parametrize("has_bad_neighbour", [False, True])
@pytest.mark.parametrize(
    ("line", "document_id", "creation_time"),
    [
        pytest.param(b'{"_id":"a","x":9007199254740993}', "a", None, id="an integer beyond 2^53"),
        pytest.param(b'{"_id":"a","x":-9223372036854775809}', "a", None, id="an integer beyond int64"),
        pytest.param(b'{"_id":"a","x":[1e16,-0.0,1E+5,3.0]}', "a", None, id="floats"),
        pytest.param(b'{"_id":"a","x":1e999}', "a", None, id="a float beyond any"),
        pytest.param(b'{"_id":"a","x":' + b"9" * 400 + b"}", "a", None, id="400 digits"),
        pytest.param(b'{"_id":"a","x":0.' + b"3" * 5000 + b"}", "a", None, id="5,000 digits"),
        pytest.param(b'{"_id":"a","x":"\\u0000\\u0001"}', "a", None, id="an escaped NUL"),
        pytest.param(b'{"_id":"\\u0000","x":1}', "\0", None, id="an escaped NUL for an _id"),
        pytest.param(b'{"_id":"a","x":"\\ud800"}', "a", None, id="a high surrogate by itself"),
        pytest.param(b'{"_id":"a","x\\uDC00":"\\udc00"}', "a", None, id="a low surrogate by itself"),
        pytest.param(b'{"_id":"a","x":"\\udc00\\ud800"}', "a", None, id="surrogates the wrong way round"),
        pytest.param(b'{"_id":"a","x":"\\ud83c\\udfa8"}', "a", None, id="a pair of surrogates"),
        pytest.param(b'{"_id":"\\ud83c\\udfa8","x":"\\ud83c"}', "🎨", None, id="a pair for an _id, and half a pair"),
        pytest.param(b'{"_id":"a","x":"\\\\ud800"}', "a", None, id="an escaped backslash before ud800"),
        pytest.param(b'{"_id":"a\xef\xbf\xbd","x":"\\ud800"}', "a\ufffd", None, id="U+FFFD that was received"),
        pytest.param(b'{"_id":1,"_id":"a","_id":"b"}', "b", None, id="the last _id of three counts"),
        pytest.param(
            b'{"_creationTime":1,"_creationTime":2.5,"_id":"a"}', "a", 2.5, id="the last _creationTime counts"
        ),
        pytest.param(b'{"x":1,"_id":"a","x":2}', "a", None, id="a key twice"),
        pytest.param(b'{"_id":""}', "", None, id="an empty _id"),
        pytest.param(b'{"\\u005fid":"a"}', "a", None, id="_id with an escape in its name"),
        pytest.param(b'{"_id":"a","_creationTime":1763895302000.125}', "a", 1763895302000.125, id="a time"),
        pytest.param(b'{"_id":"a","_creationTime":1763895302000}', "a", 1763895302000.0, id="a time without a point"),
        pytest.param(b'{"_id":"a","_creationTime":-0.0}', "a", -0.0, id="a time of minus zero"),
        pytest.param(b'{"_id":"a","_creationTime":null}', "a", None, id="a time of null"),
        pytest.param(b'{"_id":"a","_creationTime":"1763895302000"}', "a", None, id="a time that is a string"),
        pytest.param(b'{"_id":"a","_creationTime":true}', "a", None, id="a time that is true"),
        pytest.param(b'{"_id":"a","_creationTime":1e999}', "a", None, id="a time beyond any"),
        pytest.param(b'{"_id":"a","_creationTime":' + b"9" * 400 + b"}", "a", None, id="a time of 400 digits"),
        pytest.param(b' {\t"_id" : "a"\r}  ', "a", None, id="white space around"),
        pytest.param('{"_id":"凉","x":"é\u2028\x7f"}'.encode(), "凉", None, id="raw Unicode"),
        pytest.param(b'{"_id":"a","x":' + b"[" * 999 + b"]" * 999 + b"}", "a", None, id="nesting of 1,000"),
        pytest.param(b'{"_id":"a","x":' + b"[" * 8999 + b"]" * 8999 + b"}", "a", None, id="nesting of 9,000"),
    ],
)
def test_a_document_lands_byte_for_byte(
    extract: Extract, line: bytes, document_id: str, creation_time: float | None, has_bad_neighbour: bool
) -> None:
    land(extract, line + b"\n" + (b"{}\n" if has_bad_neighbour else b'{"_id":"z"}\n'))
    _, first, *_ = rows(extract.raw, "t")
    assert first["document"].encode() == line
    assert first["_id"] == document_id
    assert repr(first["_creation_time"]) == repr(creation_time)
    assert len(rejected(extract.raw)) == has_bad_neighbour


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        pytest.param(b'{"_id":"a","x":NaN}', "invalid_json", id="NaN"),
        pytest.param(b'{"_id":"a","x":-Infinity}', "invalid_json", id="Infinity"),
        pytest.param(b'{"_id":"a",}', "invalid_json", id="a comma too many in an object"),
        pytest.param(b'{"_id":"a","x":[1,]}', "invalid_json", id="a comma too many in a list"),
        pytest.param(b'{"_id":"a"}{"_id":"b"}', "invalid_json", id="two objects side by side"),
        pytest.param(b'{"_id":"a"} {"_id":"b"}', "invalid_json", id="two objects with a space between"),
        pytest.param(b'{"_id":"a"}\r{"_id":"b"}', "invalid_json", id="two objects with a carriage return between"),
        pytest.param(b"{'_id':'a'}", "invalid_json", id="single quotes"),
        pytest.param(b'{_id:"a"}', "invalid_json", id="a key without quotes"),
        pytest.param(b'{"_id":"a","x":01}', "invalid_json", id="a leading zero"),
        pytest.param(b'{"_id":"a","x":"\t"}', "invalid_json", id="a raw tab in a string"),
        pytest.param(b'{"_id":"a","x":"\x00"}', "invalid_json", id="a raw NUL in a string"),
        pytest.param(b'{"_id":"a\x1f"}', "invalid_json", id="a raw control character in the _id"),
        pytest.param(b'{"_id":"a","x":"\\x41"}', "invalid_json", id="an escape that isn't one"),
        pytest.param(b'{"_id":"a","x":"\\ud80"}', "invalid_json", id="three hexadecimal digits"),
        pytest.param(b'\x00{"_id":"a"}', "invalid_json", id="a NUL before"),
        pytest.param(b'{"_id":"a"}\x0c', "invalid_json", id="a form feed after"),
        pytest.param('\u00a0{"_id":"a"}'.encode(), "invalid_json", id="a no-break space before"),
        pytest.param('{"_id":"a"}\ufeff'.encode(), "invalid_json", id="a byte order mark after"),
        pytest.param(b'{"_id":"a"', "invalid_json", id="a cut object"),
        pytest.param(b'{"_id":"a","x\xff":1}', "invalid_utf8", id="a bad byte in a key"),
        pytest.param(b'{"_id":"a\xff"}', "invalid_utf8", id="a bad byte in the _id"),
        pytest.param(b'{"_id":"a","_creationTime":"\xff"}', "invalid_utf8", id="a bad byte in the time"),
        pytest.param(b'{"_id":"a","x":{"y":["\xe5\x87"]}}', "invalid_utf8", id="a cut character"),
        pytest.param(b'\xff{"_id":"a"}', "invalid_utf8", id="a bad byte before"),
        pytest.param(b'{"_id":"a"}\x80', "invalid_utf8", id="a bad byte after"),
        pytest.param(b'{"_id":"a","x":"\xc0\x80"}', "invalid_utf8", id="an overlong NUL"),
        pytest.param(b'{"_id":"a","x":"\xe0\x80\xaf"}', "invalid_utf8", id="an overlong slash"),
        pytest.param(b'{"_id":"a","x":"\xed\xa0\xbc\xed\xbe\xa8"}', "invalid_utf8", id="CESU-8"),
        pytest.param(b'{"_id":"a","x":"\xf4\x90\x80\x80"}', "invalid_utf8", id="beyond U+10FFFF"),
        pytest.param('{"_id":"a"}'.encode("utf-16"), "invalid_utf8", id="UTF-16"),
        pytest.param(b"5", "not_an_object", id="a number"),
        pytest.param(b'["_id","a"]', "not_an_object", id="a list"),
        pytest.param(b'"{\\"_id\\":\\"a\\"}"', "not_an_object", id="a string"),
        pytest.param(b"null", "not_an_object", id="null"),
        pytest.param(b"{}", "no_id", id="no _id"),
        pytest.param(b'{"x":' * 9000 + b"1" + b"}" * 9000, "no_id", id="no _id in a nesting of 9,000"),
        pytest.param(b'{"_ID":"a","x":{"_id":"a"}}', "no_id", id="an _id further down"),
        pytest.param(b'{"_id":null}', "no_id", id="an _id of null"),
        pytest.param(b'{"_id":7}', "no_id", id="an _id that is a number"),
        pytest.param(b'{"_id":["a"]}', "no_id", id="an _id that is a list"),
        pytest.param(b'{"_id":"a","_id":7}', "no_id", id="a number as the last of two _id"),
        pytest.param(b'{"_id":"\\ud800"}', "no_id", id="an _id that is half a pair"),
        pytest.param(b'{"_id":"a","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "too_deep", id="nesting of 100,000"),
        pytest.param(b"[" * 100_000, "too_deep", id="100,000 brackets"),
    ],
)
def test_what_is_no_document_is_set_aside_with_its_bytes(extract: Extract, line: bytes, reason: str) -> None:
    table = land(extract, b'{"_id":"first"}\n' + line + b'\n{"_id":"last"}\n')
    assert landed(extract.raw, "t") == [b'{"_id":"first"}', b'{"_id":"last"}']
    (row,) = rejected(extract.raw)
    run_id = row.pop("_run_id")
    assert row == {"table": "t", "line_number": 2, "part": 0, "reason": reason, "raw": line}
    assert (extract.raw / run_id).is_dir()
    assert (table["rows"], table["rejected"]) == (2, {reason: 1})


def test_an_object_over_two_lines_is_no_document(extract: Extract) -> None:
    land(extract, b'{"_id":\n"a"}\n{"_id":"b"}\n{"_id":"c"}\n')
    assert landed(extract.raw, "t") == [b'{"_id":"b"}', b'{"_id":"c"}']
    assert [(row["line_number"], row["raw"]) for row in rejected(extract.raw)] == [(1, b'{"_id":'), (2, b'"a"}')]


def test_a_document_of_30_mb_lands(extract: Extract) -> None:
    big = b'{"_id":"big","x":"' + "凉🎨 tag".encode() * 3_000_000 + b'"}'
    assert len(big) > 30e6
    land(extract, b'{"_id":"a"}\n' + big + b'\n{"_id":"z"}')
    assert landed(extract.raw, "t") == [b'{"_id":"a"}', big, b'{"_id":"z"}']


def test_a_spoilt_line_of_30_mb_is_set_aside(extract: Extract) -> None:
    big = b'{"_id":"big","x":"' + b"tag " * 7_500_000 + b'\xff"}'
    land(extract, b'{"_id":"a"}\n' + big + b'\n{"_id":"z"}')
    assert landed(extract.raw, "t") == [b'{"_id":"a"}', b'{"_id":"z"}']
    assert [(row["reason"], row["raw"]) for row in rejected(extract.raw)] == [("invalid_utf8", big)]


def test_a_spoilt_line_deep_in_a_file_spoils_no_other(extract: Extract) -> None:
    content = [b'{"_id":"%d","x":"%s"}' % (n, b"x" * 100) for n in range(40_000)]  # some chunks
    content[33_333] = b"spoilt"
    land(extract, b"\n".join(content))
    assert landed(extract.raw, "t") == content[:33_333] + content[33_334:]
    assert [(row["line_number"], row["raw"]) for row in rejected(extract.raw)] == [(33_334, b"spoilt")]
