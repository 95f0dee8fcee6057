"""The form of a file: what is read lands byte for byte, and nothing of what can't be read empties a table."""

import gzip
import json
import tempfile
import zipfile
from collections.abc import Callable
from functools import reduce
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import ROOT, Extract, Process, documents, landed, rejected, run_folders, table_entries, write_zip
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_extract_documents import TOKENS, judge, objects

from common.errors import CommandError
from extract.forms import Layout, elements, read_form
from extract.landing import LandingZone
from extract.load import load

TWO = [b'{"_creationTime":1.5,"_id":"k1"}', b'{"_creationTime":1.5,"_id":"k2"}']
LINES = b"\n".join(TWO) + b"\n"
ARRAY = b"[" + b",".join(TWO) + b"]"
INDENTED = json.dumps([json.loads(one) for one in TWO], indent=2).encode()
ONE_BY_ONE = b"\n".join(json.dumps(json.loads(one), indent=2).encode() for one in TWO)


def zstd(content: bytes) -> bytes:
    return bytes(pa.compress(content, "zstd", asbytes=True))


def utf(encoding: str) -> Callable[[bytes], bytes]:
    return lambda content: ("\ufeff" + content.decode()).encode(encoding)


def texts(content: bytes) -> list[bytes]:
    """The texts of the documents in an array, or one after the other, as Python's own parser sees them."""
    text, found = content.decode(), []
    position = text.index("[") + 1 if text.startswith("[") else 0
    while (start := text.find("{", position)) >= 0:
        _, position = json.JSONDecoder().raw_decode(text, start)
        found.append(text[start:position].encode())
    return found


# What is read


@pytest.mark.parametrize(
    "content",
    [
        b"[\n" + b",\n".join(TWO) + b"\n]\n",
        ARRAY,
        b" \n\t[ " + b" ,\r\n".join(TWO) + b" ] \r\n",
        b"\xef\xbb\xbf" + ARRAY,
        INDENTED,
        INDENTED.replace(b"\n", b"\r\n"),
        ONE_BY_ONE,
        ONE_BY_ONE.replace(b"}\n{", b"}{") + b"\n\n",
    ],
    ids=["a line each", "on one line", "white space", "a mark", "indented", "CRLF", "one by one", "side by side"],
)
def test_an_array_lands_each_of_its_documents_as_it_stands(extract: Extract, content: bytes) -> None:
    Path("palettes.jsonl").write_bytes(content)
    run = extract.load("palettes.jsonl", "--strict")
    expected = texts(content.removeprefix(b"\xef\xbb\xbf").strip())
    assert landed(extract.raw, "palettes") == expected
    (table,) = run["tables"]
    assert (table["rows"], table["document_bytes"]) == (2, sum(map(len, expected)))
    assert "numbered from 1" in table["notes"][-1]


PACKED = [gzip.compress, zstd, lambda content: gzip.compress(content[:20]) + gzip.compress(content[20:])]
ENCODED = [utf(encoding) for encoding in ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")]


@pytest.mark.parametrize("content", [LINES, ARRAY, ONE_BY_ONE], ids=["lines", "array", "one by one"])
@pytest.mark.parametrize("encoded", ENCODED, ids=["UTF-8", "UTF-16LE", "UTF-16BE", "UTF-32LE", "UTF-32BE"])
@pytest.mark.parametrize("packed", PACKED, ids=["gzip", "zstd", "gzip in two parts"])
def test_packing_encoding_and_layout_compose(
    tmp_path: Path, packed: Callable[[bytes], bytes], encoded: Callable[[bytes], bytes], content: bytes
) -> None:
    content = content.replace(b"k1", "凉🎨".encode())
    entries = table_entries(palettes=packed(encoded(content))) | {"_tables/documents.jsonl": b'{"name":"palettes"}'}
    load(write_zip(tmp_path / "x.zip", entries), LandingZone(tmp_path / "raw"))
    assert landed(tmp_path / "raw", "palettes") == texts(content)


def test_the_answers_of_the_sample_land_the_same_in_any_form(tmp_path: Path) -> None:
    with zipfile.ZipFile(ROOT / "sample" / "convex-export.zip") as archive:
        lines = [line for line in archive.read("palette_tags/documents.jsonl").split(b"\n") if judge(line)]
    assert len(lines) > 1000
    zone, file = LandingZone(tmp_path / "raw"), tmp_path / "palette_tags.jsonl"
    by_line = b"[\n" + b",\n".join(lines) + b"\n]\n"
    for content in (
        b"\n".join(lines),
        b"[" + b",".join(lines) + b"]",
        by_line,
        gzip.compress(utf("utf-16-le")(by_line)),
    ):
        file.write_bytes(content)
        assert load(file, zone, strict=True).rejected == 0
        assert landed(zone.directory, "palette_tags") == lines
    file.write_bytes(json.dumps([json.loads(line) for line in lines], indent=2).encode())
    load(file, zone, strict=True)
    found = landed(zone.directory, "palette_tags")
    assert [json.loads(text) for text in found] == [json.loads(line) for line in lines]


@pytest.mark.parametrize("name", ["palettes.jsonl.gz", "palettes.json.zst", "palettes.jsonl", "PALETTES.NDJSON.GZ"])
def test_a_packed_file_says_its_table_by_its_name(extract: Extract, name: str) -> None:
    Path(name).write_bytes(zstd(gzip.compress(LINES)))
    (table,) = extract.load(name)["tables"]
    assert table["name"].lower() == "palettes"
    assert table["rows"] == 2
    assert table["notes"] == ["the file is packed with zstd", "the file is packed with gzip"]


def test_a_spoilt_element_is_set_aside_with_its_number(extract: Extract) -> None:
    spoilt = [b'{"_id":7}', b"null", b'{"_id":"a"} {"_id":"b"}', b'"x,]"']
    Path("t.json").write_bytes(b"[" + b", ".join([*TWO, *spoilt, b'{"_id":"c"}', b'{"_id":"d"}']) + b"]")
    (table,) = extract.load("t.json")["tables"]
    assert landed(extract.raw, "t") == [*TWO, b'{"_id":"c"}', b'{"_id":"d"}']
    assert [(row["line_number"], row["raw"]) for row in rejected(extract.raw)] == [*enumerate(spoilt, 3)]
    assert table["rejected"] == {"no_id": 1, "not_an_object": 2, "invalid_json": 1}
    assert "t.json, element 3: the object has no `_id`" in extract.fails("t.json", "--strict")


def test_half_a_surrogate_pair_in_utf_16_is_a_spoilt_line(extract: Extract) -> None:
    text = '\ufeff{"_id":"a"}\n{"_id":"\ud83c"}\n{"_id":"b"}\n'
    Path("t.jsonl").write_bytes(text.encode("utf-16-le", "surrogatepass"))
    extract.load("t.jsonl")
    assert landed(extract.raw, "t") == [b'{"_id":"a"}', b'{"_id":"b"}']
    assert [(row["line_number"], row["reason"]) for row in rejected(extract.raw)] == [(2, "invalid_utf8")]


@pytest.mark.parametrize(
    "content", [b"[]", b" [ \n ] ", b"", b"\n \n", gzip.compress(b"", mtime=0), b"\xff\xfe", b"\xef\xbb\xbf[]"]
)
def test_nothing_is_an_empty_table(extract: Extract, content: bytes) -> None:
    Path("t.jsonl").write_bytes(content)
    (table,) = extract.load("t.jsonl")["tables"]
    assert (table["rows"], table["rejected"]) == (0, {})


def test_an_array_of_the_older_format_is_decoded(extract: Extract, tmp_path: Path) -> None:
    entries = table_entries(t=b'[\n {"_id": "a",\n  "n": "7"}\n]')
    entries["t/generated_schema.jsonl"] = b'"{\\"_id\\": id<10001>, \\"n\\": int64}"\n'
    extract.load(write_zip(tmp_path / "x.zip", entries))
    assert landed(extract.raw, "t") == [b'{"_id": "a",\n  "n": 7}']


spaces = st.text(" \t\r\n", max_size=3).map(str.encode)
many_objects = st.lists(objects, max_size=8)
cuts = st.lists(st.integers(1, 200), max_size=12)


def blocks_of(content: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({0, len(content), *(place for place in places if place < len(content))})
    return [content[start:end] for start, end in pairwise(ends)]


def cut(content: bytes, layout: Layout, places: list[int]) -> list[bytes]:
    return [text for found in elements(blocks_of(content, places), layout, "t") for text in found]


@settings(deadline=None, max_examples=30)
@given(many_objects, st.data(), cuts)
@example([b'{"x":"],[{\\\\\\"","_id":"a"}'], None, [6, 7, 8, 9, 10, 11, 12, 13])
def test_any_objects_with_any_white_space_are_cut_as_they_stand(
    content: list[bytes], data: st.DataObject | None, places: list[int]
) -> None:
    def space() -> bytes:
        return data.draw(spaces) if data else b""

    array = reduce(lambda text, one: text + b"," + space() + one + space(), content[1:], b"".join(content[:1]))
    assert cut(space() + b"[" + space() + array + space() + b"]" + space(), "array", places) == content
    assert cut(b"".join(space() + one for one in content) + space(), "objects", places) == content


@settings(deadline=None)
@given(st.lists(st.sampled_from([*TOKENS, b",", b'{"_id":"a"}', b'{"_id":"b"}']), max_size=12).map(b"".join), cuts)
def test_an_array_is_cut_as_a_strict_parser_reads_it_or_refused(content: bytes, places: list[int]) -> None:
    content = b'[{"_id":"first"}' + content
    try:
        values = json.loads(content)
    except (ValueError, RecursionError):
        values = None
    try:
        found = cut(content, "array", places)
    except CommandError:
        assert values is None
        return
    if values is not None:
        assert [json.loads(text) for text in found] == values
    assert b"".join(content.split()) == b"[" + b",".join(b"".join(text.split()) for text in found) + b"]"


@settings(deadline=None, max_examples=15)
@given(many_objects.filter(bool), st.sampled_from(PACKED), st.sampled_from(ENCODED), st.booleans())
def test_any_array_in_any_form_lands_exactly_its_documents(
    content: list[bytes],
    packed: Callable[[bytes], bytes],
    encoded: Callable[[bytes], bytes],
    is_packed: bool,
) -> None:
    array = encoded(b"[\n" + b",\n".join(content) + b"\n]\n")
    with tempfile.TemporaryDirectory() as folder:
        file, raw = Path(folder, "t.jsonl"), Path(folder, "raw")
        file.write_bytes(packed(array) if is_packed else array)
        load(file, LandingZone(raw), lenient=True)
        assert landed(raw, "t") == [one for one in content if judge(one)]
        assert [row["raw"] for row in rejected(raw)] == [one for one in content if not judge(one)]


def test_an_array_of_50_mb_on_one_line_lands_in_little_memory(process: Process) -> None:
    one = b'{"_creationTime":1.5,"_id":"k","x":[{"y":"],\\"%s"}]}' % (b"tag " * 500)
    thousand = gzip.compress(b",".join([one] * 1000) + b",", compresslevel=1)
    (process.cwd / "t.json.gz").write_bytes(gzip.compress(b"[") + thousand * 25 + gzip.compress(one + b"]"))
    result = process("load", "t.json.gz")
    assert (result.code, result.err) == (0, "")
    assert process.peak_mb() < 250
    (folder,) = run_folders(process.cwd / "raw")
    found = pq.read_table(folder / "t.parquet", columns=["document"], partitioning=None)["document"]
    assert (len(found) - found.null_count, found.unique().to_pylist()) == (25_001, [None, one.decode()])


# What is refused

CSV = b"_id,_creationTime,seed\nk1,1.5,a\nk2,1.5,b\n"
HTML = b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head>\n<body>Sign in</body></html>\n"
REFUSED = {
    "CSV": (CSV, "0 of 3 lines are documents; most often, the line isn't JSON (RFC 8259). It begins with _id,_crea"),
    "a page": (HTML, "It begins with <!DOCTYPE html>"),
    "commas after each": (b",\r\n".join([*TWO, b""]), "0 of 2 lines are documents"),
    "commas on one line": (b",".join(TWO), "0 of 1 lines are documents; most often, the line isn't JSON"),
    "carriage returns": (b"\r".join([*TWO, b""]), "the line isn't JSON"),
    "several a line": (b" ".join(TWO) + b"\n", "the line isn't JSON"),
    "no _id": (b'{"seed":"a"}\n{"seed":"b"}\n', 'It begins with {"seed":"a"}'),
    "an array of no documents": (b'[{"seed":"a"},{"seed":"b"}]', "0 of 2 elements are documents"),
    "a wrapper": (b'{"isDone":true,"page":[' + b",".join(TWO) + b"]}", "0 of 1 lines are documents"),
    "an error": (b'{"code":"BadAdminKey","message":"The provided admin key was invalid"}', "BadAdminKey"),
    "Latin-1": (b'{"_id":"a","x":"\xe9"}\n{"_id":"b","x":"\xe9t\xe9"}\n', "0 of 2 lines are documents"),
    "UTF-16LE without a mark": (LINES.decode().encode("utf-16-le"), "0 of 3 lines are documents"),
    "UTF-16 cut": (utf("utf-16-le")(LINES)[:-1], "is damaged: it begins as UTF-16-LE"),
    "Parquet": (b"PAR1\x15\x04PAR1", "It begins with PAR1\\x15\\x04PAR1"),
    "a cut ZIP": (b"PK\x03\x04\x14\x00", "It begins with PK"),
    "NULs": (bytes(500), "0 of 1 lines are documents"),
    "gzip of HTML": (gzip.compress(HTML), "It begins with <!DOCTYPE html>"),
    "cut gzip": (gzip.compress(LINES)[:-5], "can't be unpacked with gzip"),
    "cut zstd": (zstd(LINES)[:-5], "can't be unpacked with zstd"),
    "gzip with more after it": (gzip.compress(LINES) + b"more", "can't be unpacked with gzip"),
    "packed often": (reduce(lambda content, _: gzip.compress(content), range(5), LINES), "unpack it first"),
    "a cut array": (ARRAY[:-3], "it ends inside element 2"),
    "an array cut after a document": (ARRAY[:-1], "it ends inside element 2"),
    "an array cut in a string": (ARRAY[:-5], "it ends inside element 2"),
    "a comma too many": (ARRAY[:-1] + b",]", "a comma too many after element 2"),
    "two commas": (b"[" + b",,".join(TWO) + b"]", "a comma too many after element 1"),
    "two arrays": (ARRAY + b"\n" + ARRAY, "something comes after the array's end"),
    "a brace too many": (b"[" + TWO[0] + b"}]", "a } too many"),
    "cut documents": (ONE_BY_ONE[:-3], "it ends inside element 2"),
    "commas between indented documents": (ONE_BY_ONE.replace(b"}\n{", b"},\n{"), "a , too many"),
}


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> LandingZone:
    """A zone that holds one document, whose loss nothing but the form of the file would stop."""
    folder = tmp_path_factory.mktemp("held")
    (folder / "palettes.jsonl").write_bytes(documents("k1"))
    zone = LandingZone(folder / "raw")
    load(folder / "palettes.jsonl", zone)
    return zone


@pytest.mark.parametrize(("content", "essence"), REFUSED.values(), ids=REFUSED.keys())
def test_a_file_of_another_form_lands_nothing_and_is_named(
    held: LandingZone, tmp_path: Path, content: bytes, essence: str
) -> None:
    (tmp_path / "palettes.jsonl").write_bytes(content)
    with pytest.raises(CommandError) as raised:
        load(tmp_path / "palettes.jsonl", held, allow_shrink=["palettes"])
    message = str(raised.value)
    assert essence in message
    assert message.startswith("palettes.jsonl")
    assert "Nothing was landed" in message
    assert message.isprintable()
    assert len(held.run_ids()) == 1
    assert landed(held.directory, "palettes") == documents("k1").splitlines()


@settings(deadline=None, max_examples=20)
@given(st.binary(max_size=40) | st.text(max_size=40).map(str.encode), st.sampled_from([b"", b"{", b"[{", b"\xff\xfe"]))
def test_any_bytes_land_or_are_refused_in_one_line(content: bytes, beginning: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file, raw = Path(folder, "t.jsonl"), Path(folder, "raw")
        file.write_bytes(beginning + content)
        error = None
        try:
            load(file, LandingZone(raw))
        except CommandError as raised:
            error = str(raised)
        assert error is None or error.isprintable()
        assert len(run_folders(raw)) == (error is None)


def test_a_table_of_a_snapshot_that_is_of_another_form_lands_nothing(extract: Extract, tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "x.zip", table_entries(palettes=documents("p"), tags=CSV))
    assert "tags/documents.jsonl: 0 of 3 lines are documents" in extract.fails(archive)
    assert [table["name"] for table in extract.load(archive, "--skip", "tags")["tables"]] == ["palettes"]


@pytest.mark.parametrize(("good", "spoilt", "is_refused"), [(1, 1, False), (2, 3, True), (3, 2, False), (0, 1, True)])
def test_a_file_needs_at_least_as_many_documents_as_other_lines(
    extract: Extract, good: int, spoilt: int, is_refused: bool
) -> None:
    content = documents(*(f"k{n}" for n in range(good))) + b"\n \n" + b"spoilt\n" * spoilt
    Path("t.jsonl").write_bytes(content)
    if is_refused:
        error = extract.fails("t.jsonl")
        assert f"{good} of {good + spoilt} lines are documents" in error
        assert "most often, the line isn't JSON" in error
        assert ("--lenient" in error) == bool(good)  # it would empty the table
    run = extract.load("t.jsonl", *(["--lenient"] if is_refused else []))
    assert len(landed(extract.raw, "t")) == good
    assert run["rejected"] == spoilt


def test_strict_and_lenient_exclude_each_other(extract: Extract) -> None:
    assert extract("load", "t.jsonl", "--strict", "--lenient").code == 2


def test_what_a_file_is_is_told_from_its_first_bytes_however_they_come() -> None:
    for content in (LINES, ARRAY, utf("utf-16-le")(ARRAY), b"\xef\xbb\xbf" + LINES, gzip.compress(ONE_BY_ONE), b"\xef"):
        whole = read_form([content], "t")
        parts = read_form((content[n : n + 1] for n in range(len(content))), "t")
        assert (whole.layout, whole.head, whole.notes) == (parts.layout, parts.head, parts.notes)
        assert b"".join(whole.blocks) == b"".join(parts.blocks)
