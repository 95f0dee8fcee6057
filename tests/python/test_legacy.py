import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.legacy import Decoder, ShapeError, TableFormat, parse_shape, read_schema

NAN, INFINITY, NEGATIVE_INFINITY = '{"$float":"AAAAAAAA+H8="}', '{"$float":"AAAAAAAA8H8="}', '{"$float":"AAAAAAAA8P8="}'


def open_decoder(shape: str, overrides: object = None, note: str | None = None) -> Decoder:
    """A decoder of a table with this shape, and with these overrides for its document `doc`."""
    lines = [json.dumps(shape)] + ([json.dumps({"doc": overrides})] if overrides is not None else [])
    table_format, decoder = read_schema(line.encode() for line in lines)
    assert table_format == TableFormat("legacy", note)
    assert decoder is not None
    return decoder


def decode_value(shape: str, clean: str, override: object = None) -> str:
    """What becomes of a field with this shape, text and override."""
    overrides = None if override is None else {"f": override}
    with open_decoder(f'{{"f": {shape}}}', overrides) as decoder:
        document = decoder.decode("doc", f'{{"f":{clean}}}'.encode()).decode()
    return document.removeprefix('{"f":').removesuffix("}")


def test_the_example_of_convex_own_export_test() -> None:
    document_id = "jd7f1m0s9qv2xkz3c8e5b4n6h8w2a1tr"
    schema = (
        json.dumps(f'{{"_creationTime": normalfloat64, "_id": "{document_id}", "foo": array<int64 | field_name>}}'),
        json.dumps({document_id: {"foo": ["int64", "infer"]}}),
    )
    clean = f'{{"_creationTime":1700000000000.25,"_id":"{document_id}","foo":["1","1"]}}\n'.encode()

    table_format, decoder = read_schema(line.encode() + b"\n" for line in schema)

    assert table_format == TableFormat("legacy", None)
    assert decoder is not None
    with decoder:
        assert decoder.needs_decoding
        assert decoder.decode(document_id, clean) == clean.replace(b'["1","1"]', b'[1,"1"]')
        assert decoder.decode("another document", clean) == clean
        assert (decoder.decoded, decoder.ambiguous, decoder.mismatched) == (1, 3, 0)


@pytest.mark.parametrize(
    ("shape", "clean", "modern"),
    [
        ("int64", '"42"', "42"),
        ("int64", '"-9223372036854775808"', "-9223372036854775808"),
        ("int64", '"9223372036854775807"', "9223372036854775807"),
        ("normalfloat64", "3.0", "3.0"),
        ("normalfloat64", "1e16", "1e16"),
        ("-0", "-0.0", "-0.0"),
        ("NaN", '"NaN"', NAN),
        ("inf", '"Infinity"', INFINITY),
        ("-inf", '"-Infinity"', NEGATIVE_INFINITY),
        ("bytes", '"AP8="', '{"$bytes":"AP8="}'),
        ("bytes", '""', '{"$bytes":""}'),
        ("string", '"42"', '"42"'),
        ("boolean", "true", "true"),
        ("null", "null", "null"),
        ("array<int64>", '["1","2"]', "[1,2]"),
        ('{"a": int64, "b"?: bytes}', '{"a":"1"}', '{"a":1}'),
        ("record<field_name, int64>", '{"x y":"1","":"2"}', '{"x y":1,"":2}'),
    ],
)
def test_each_value_type_gets_its_lossless_text(shape: str, clean: str, modern: str) -> None:
    assert decode_value(shape, clean) == modern


@pytest.mark.parametrize(
    ("shape", "clean", "modern"),
    [
        # one reading is possible: whatever is not a string in any member
        ("null | int64", '"7"', "7"),
        ("float64", '"NaN"', NAN),
        ("float64", '"-Infinity"', NEGATIVE_INFINITY),
        ("int64 | bytes", '"-42"', "-42"),
        ("int64 | bytes", '"QQ=="', '{"$bytes":"QQ=="}'),
        ("array<null> | bytes", '"QUJD"', '{"$bytes":"QUJD"}'),
        # several: the text stays
        ("int64 | string", '"7"', '"7"'),
        ('int64 | "seven"', '"7"', '"7"'),
        ("int64 | id<10001>", '"7"', '"7"'),
        ("bytes | field_name", '"QUJD"', '"QUJD"'),
        ("int64 | bytes", '"1234"', '"1234"'),
        ("inf | bytes", '"Infinity"', '"Infinity"'),
        ("unknown", '"7"', '"7"'),
        ("unknown | int64", '"7"', '"7"'),
        ("unknown | array<int64>", '["7"]', '["7"]'),
        ('unknown | {"a": int64}', '{"a":"7"}', '{"a":"7"}'),
        # none: the text is not what the shape says
        ("int64", '"seven"', '"seven"'),
        ("int64", '"007"', '"007"'),
        ("int64", '"-0"', '"-0"'),
        ("int64", '"9223372036854775808"', '"9223372036854775808"'),
        ("bytes", '"QR=="', '"QR=="'),
        ("bytes", '"QQ"', '"QQ"'),
        ("bytes", '"_-8="', '"_-8="'),
        ("bytes", '"\\u00e9"', '"\\u00e9"'),
        ("inf", '"-Infinity"', '"-Infinity"'),
        ("normalfloat64", '"NaN"', '"NaN"'),
        ("never", '"7"', '"7"'),
        # the members' fields and elements are united
        ("array<int64> | array<null>", '["7",null]', "[7,null]"),
        ("array<int64> | array<string>", '["7"]', '["7"]'),
        ('{"a": int64} | {"b": string}', '{"a":"1","b":"1"}', '{"a":1,"b":"1"}'),
        ('{"a": int64} | {"a": string}', '{"a":"1"}', '{"a":"1"}'),
        ('{"a": int64} | record<string, int64>', '{"a":"1","b":"1"}', '{"a":1,"b":1}'),
        ('{"a": string} | record<string, int64>', '{"a":"1","b":"1"}', '{"a":"1","b":1}'),
        ('record<string, int64> | {"a": bytes} | {"b": null}', '{"a":"QQ==","b":"1"}', '{"a":{"$bytes":"QQ=="},"b":1}'),
        # a shape does not match the value's kind, or says nothing of the field
        ("array<int64>", '"7"', '"7"'),
        ("array<int64>", '{"a":"7"}', '{"a":"7"}'),
        ('{"a": int64}', '{"b":"7"}', '{"b":"7"}'),
        # sets and maps, withdrawn in 2025, are kept
        ("set<int64>", '["7"]', '["7"]'),
        ("map<int64, bytes> | int64", '{"$map":[["7","QQ=="]]}', '{"$map":[["7","QQ=="]]}'),
    ],
)
def test_a_string_is_decoded_only_if_one_reading_is_possible(shape: str, clean: str, modern: str) -> None:
    assert decode_value(shape, clean) == modern


@pytest.mark.parametrize(
    ("shape", "clean", "modern"),
    [
        ("float64", "3", "3.0"),
        ("normalfloat64", "-17", "-17.0"),
        ("float64 | int64", "3", "3.0"),
        ("array<normalfloat64>", "[0.5, 3 ,1E5]", "[0.5, 3.0 ,1E5]"),
        ("-0", "-0", "-0.0"),
        ("int64", "3", "3"),
        ("unknown", "3", "3"),
    ],
)
def test_a_number_gets_its_point_only_where_the_shape_says_float64(shape: str, clean: str, modern: str) -> None:
    assert decode_value(shape, clean) == modern


@pytest.mark.parametrize(
    ("shape", "clean", "override", "modern"),
    [
        ("int64 | string", '"7"', "int64", "7"),
        ("int64 | string", '"7"', "infer", '"7"'),
        ("int64", '"7"', "infer", "7"),
        ("unknown", '"7"', "int64", "7"),
        ("float64", '"Infinity"', "float64inf", INFINITY),
        ("string | -inf", '"-Infinity"', "float64inf", NEGATIVE_INFINITY),
        ("string | bytes", '"QQ=="', "bytes", '{"$bytes":"QQ=="}'),
        ("float64", '"NaN"', {"$float64NaN": "AQAAAAAA+P8="}, '{"$float":"AQAAAAAA+P8="}'),
        ("array<unknown>", '["1",null,1.0,["2"]]', ["int64", "infer", "infer", ["int64"]], "[1,null,1.0,[2]]"),
        ("unknown", '{"a":"1","b":{"c":"2"}}', {"b": {"c": "int64"}}, '{"a":"1","b":{"c":2}}'),
        ('{"a": int64, "b": unknown}', '{"a":"1","b":"2"}', {"b": "int64"}, '{"a":1,"b":2}'),
        ("boolean", "true", "int64", "true"),
    ],
)
def test_an_override_decides(shape: str, clean: str, override: object, modern: str) -> None:
    assert decode_value(shape, clean, override) == modern


@pytest.mark.parametrize(
    ("clean", "override"),
    [
        ('"seven"', "int64"),
        ('"NaN"', "float64inf"),
        ('"seven"', {"$float64NaN": "AQAAAAAA+P8="}),
        ('"NaN"', {"$float64NaN": "AAAAAAAA8H8="}),
        ('"NaN"', {"$float64NaN": "AAAA"}),
        ('"NaN"', {"$float64NaN": "?"}),
        ('"1"', ["int64"]),
        ('["1"]', ["int64", "int64"]),
        ('["1"]', {"a": "int64"}),
        ('{"a":"1"}', ["int64"]),
        ('{"a":"1"}', "int64"),
        ('{"$set":["1"]}', "set"),
    ],
)
def test_an_override_that_does_not_fit_leaves_the_text(clean: str, override: object) -> None:
    with open_decoder('{"f": float64 | bytes | array<int64> | {"a": int64}}', {"f": override}) as decoder:
        line = f'{{"f":{clean}}}'.encode()
        assert decoder.decode("doc", line) is line
        assert (decoder.decoded, decoder.mismatched) == (0, 1)


def test_counts_tell_the_decoded_and_the_ambiguous() -> None:
    with open_decoder('{"i": int64 | string, "f": float64, "s": string}') as decoder:
        decoder.decode("a", b'{"i":"1","f":"NaN","s":"1"}')
        decoder.decode("b", b'{"i":"one","f":2,"s":"NaN"}')
        assert (decoder.decoded, decoder.ambiguous, decoder.mismatched) == (2, 1, 0)


@pytest.mark.parametrize(
    ("shape", "needed"),
    [
        ("unknown", False),
        ("{}", False),
        ('{"a": string | null, "b": array<field_name>, "c": record<id<1>, boolean>, "d": "x"}', False),
        ('{"a": array<never>, "b"?: {}}', False),
        ('{"a": {"b": array<record<string, int64>>}}', True),
        ('{"a": normalfloat64}', True),
    ],
)
def test_needs_decoding_tells_whether_anything_could_change(shape: str, needed: bool) -> None:
    with open_decoder(shape) as decoder:
        assert decoder.needs_decoding is needed


def test_overrides_alone_need_decoding() -> None:
    with open_decoder("unknown", {"a": "int64"}) as decoder:
        assert decoder.needs_decoding
        assert decoder.decode("doc", b'{"a":"1"}') == b'{"a":1}'


@pytest.mark.parametrize(
    "document",
    [
        b'{"a":"1","a":"2"}',
        b'{"a":"1","\\u0061":"1"}',
        b'{"a":["1"],"a":["1"]}',
        b'{"a":{"b":"1","b":"1"}}',
        b'{"a":"\\ud800"}',
        b'{"a":"1"',
        b'{"a":"1"} x',
        b'{"a":"\xff"}',
        b'{"a":' + b"[" * 100_000,
        b'{"a":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        b"",
        b"\n",
        b"null",
    ],
)
def test_keys_that_come_twice_and_damaged_lines_are_left_as_they_are(document: bytes) -> None:
    with open_decoder('{"a": int64 | array<int64> | {"b": int64}}') as decoder:
        assert decoder.decode("doc", document) is document
        assert decoder.decoded == 0


def test_an_object_with_a_key_twice_does_not_keep_its_neighbours_from_being_decoded() -> None:
    with open_decoder('{"a": {"b": int64}, "c": int64}') as decoder:
        assert decoder.decode("doc", b'{"a":{"b":"1","b":"2"},"c":"3"}') == b'{"a":{"b":"1","b":"2"},"c":3}'


def test_white_space_and_escapes_around_decoded_values_stay() -> None:
    with open_decoder('{"a": int64, "b": array<bytes>, "x\\"y": string}') as decoder:
        line = b' { "\\u0061" :\t"1" ,"b":[ "QQ==" , "\\u0051Q==" ], "x\\"y" : "\\u0041\\/" } \r\n'
        decoded = b' { "\\u0061" :\t1 ,"b":[ {"$bytes":"QQ=="} , {"$bytes":"QQ=="} ], "x\\"y" : "\\u0041\\/" } \r\n'
        assert decoder.decode("doc", line) == decoded


@pytest.mark.parametrize("name", ["a|b", "a>b", 'a"b', "a\\b", "a: b, c}", "é", ""])
def test_marks_inside_names_and_literals_are_not_read_as_grammar(name: str) -> None:
    quoted = json.dumps(name)
    with open_decoder(f'{{{quoted}: int64, "l": {quoted} | array<{quoted}>, "z"?: int64}}') as decoder:
        line = f'{{{quoted}:"1","l":[{quoted}],"z":"2"}}'.encode()
        assert decoder.decode("doc", line) == f'{{{quoted}:1,"l":[{quoted}],"z":2}}'.encode()


MALFORMED = [
    "",
    "integer",
    "int64 |",
    "| int64",
    "int64 int64",
    "int64 ^ null",
    "array",
    "array<>",
    "array<int64",
    "array<int64, int64>",
    "record<string>",
    "id<>",
    '{"a" int64}',
    "{a: int64}",
    '{"a": int64',
    '{"a": int64 "b": int64}',
    '{"\\ud800": int64}',
    '"open',
    "(int64)",
    "array<" * 5_000 + "int64" + ">" * 5_000,
    '{"a": ' * 200 + "int64" + "}" * 200,
    "record<string, " * 100_000,
]


@pytest.mark.parametrize("shape", MALFORMED, ids=lambda shape: shape[:24])
def test_a_malformed_shape_leaves_the_table_as_text_and_says_so(shape: str) -> None:
    with pytest.raises(ShapeError):
        parse_shape(shape)
    table_format, decoder = read_schema([json.dumps(shape).encode(), b'{"doc":{"a":"int64"}}'])
    assert (table_format.kind, decoder) == ("clean", None)
    assert table_format.note is not None
    assert len(table_format.note) < 300


def test_shapes_as_deep_as_convex_values_are_read() -> None:
    shape, clean, modern = "int64 | null", '"1"', "1"
    for _ in range(60):
        shape, clean, modern = f'array<{{"a": {shape}}}> | array<null>', f'[{{"a":{clean}}}]', f'[{{"a":{modern}}}]'
    assert decode_value(shape, clean) == modern


def test_the_uniform_format_needs_no_decoder() -> None:
    assert read_schema([b'"uniform"\n']) == (TableFormat("uniform", None), None)


@pytest.mark.parametrize(
    "lines", [[], [b""], [b"{}"], [b"null"], [b'{"schema":true}'], [b'"open'], [b'"\xff"'], [b"[" * 100_000]]
)
def test_a_missing_or_unreadable_schema_is_told_in_the_note(lines: list[bytes]) -> None:
    table_format, decoder = read_schema(lines)
    assert (table_format.kind, decoder) == ("clean", None)
    assert table_format.note
    assert "can't be told from strings" in table_format.note


def test_unreadable_overrides_are_counted_and_the_others_apply() -> None:
    bad = [b"{", b"[]", b"{}", b'{"a":"int64","b":"int64"}', b'{"a":"int32"}', b'{"a":{"b":1}}', b'{"a":[null]}']
    bad.append(b'{"a":' + b"[" * 5_000 + b"]" * 5_000 + b"}")
    table_format, decoder = read_schema([b'"unknown"', *bad, b"", b'{"doc":{"a":"int64"}}'])
    assert table_format.kind == "legacy"
    assert table_format.note is not None
    assert table_format.note.startswith("8 override lines")
    assert decoder is not None
    with decoder:
        assert decoder.decode("a", b'{"a":"1"}') == b'{"a":"1"}'
        assert decoder.decode("doc", b'{"a":"1"}') == b'{"a":1}'


SPILL = """
import resource, sys
from extract.legacy import read_schema

def peak_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)

def lines():
    yield b'"unknown"'
    for number in range(100_000):
        yield b'{"document%06d":{"n":"int64","%s":"bytes"}}' % (number, b"x" * 1_000)

before = peak_mib()
_, decoder = read_schema(lines())
with decoder:
    for number in range(0, 100_000, 500):
        assert decoder.decode("document%06d" % number, b'{"n":"%d"}' % number) == b'{"n":%d}' % number
assert decoder.decoded == 200
print(peak_mib() - before)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="resource is a Unix module")
def test_overrides_as_many_as_documents_go_to_a_temporary_file(tmp_path: Path) -> None:
    project = Path(__file__).parents[2]
    environment = os.environ | {"SQLITE_TMPDIR": str(tmp_path), "PYTHONPATH": str(project)}
    run = subprocess.run([sys.executable, "-c", SPILL], env=environment, capture_output=True, text=True, check=False)
    assert run.stderr == ""
    assert float(run.stdout) < 50, "100 MB of overrides are to be held in less than 50 MiB"
    assert list(tmp_path.iterdir()) == []


# Properties. A value is a pair of texts: in clean JSON, and in export_json.

Pair = tuple[str, str]
FLOAT_WORDS = {"NaN": NAN, "Infinity": INFINITY, "-Infinity": NEGATIVE_INFINITY}


def same(text: str) -> Pair:
    return text, text


def quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


plain_floats = st.floats(allow_nan=False, allow_infinity=False).map(lambda number: same(repr(number)))
float_words = st.sampled_from(sorted(FLOAT_WORDS)).map(lambda word: (quote(word), FLOAT_WORDS[word]))
int64s = st.integers(-(2**63), 2**63 - 1).map(lambda number: (f'"{number}"', str(number)))
binaries = st.binary(max_size=12).map(lambda data: (quote(base64_of(data)), f'{{"$bytes":"{base64_of(data)}"}}'))
texts = (st.text(max_size=8) | st.sampled_from(["1", "NaN", "QQ==", "", "Infinity"])).map(lambda s: same(quote(s)))
keys = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=6).filter(lambda key: key[:1] != "$")

Typed = tuple[str, st.SearchStrategy[Pair]]
SCALARS: list[Typed] = [
    ("int64", int64s),
    ("bytes", binaries),
    ("float64", plain_floats | float_words),
    ("NaN", st.just(('"NaN"', NAN))),
    ("normalfloat64", plain_floats),
    ("string", texts),
    ("null", st.just(same("null"))),
    ("boolean", st.sampled_from([same("true"), same("false")])),
    ("null | int64 | normalfloat64", int64s | plain_floats | st.just(same("null"))),
    ("unknown", texts | plain_floats),
]


def join(opening: str, members: list[Pair], closing: str, space: str) -> Pair:
    clean, modern = zip(*members, strict=True) if members else ((), ())
    glue = f"{space},{space}"
    texts = [f"{opening}{space}{glue.join(side)}{space}{closing}" for side in (clean, modern)]
    return texts[0], texts[1]


def entries(members: dict[str, Pair]) -> list[Pair]:
    return [(f"{quote(key)}:{clean}", f"{quote(key)}:{modern}") for key, (clean, modern) in members.items()]


spaces = st.sampled_from(["", " ", "\t "])


def array_of(inner: Typed) -> Typed:
    lists = st.lists(inner[1], max_size=3)
    return f"array<{inner[0]}>", st.builds(lambda items, s: join("[", items, "]", s), lists, spaces)


def record_of(inner: Typed) -> Typed:
    objects = st.dictionaries(keys, inner[1], max_size=3)
    return f"record<string, {inner[0]}>", st.builds(lambda o, s: join("{", entries(o), "}", s), objects, spaces)


def object_of(inner: dict[str, Typed]) -> Typed:
    optional = {key: values for key, (_, values) in inner.items()}
    objects = st.fixed_dictionaries({}, optional=optional)
    shape = ", ".join(f"{json.dumps(key)}?: {text}" for key, (text, _) in inner.items())
    return f"{{{shape}}}", st.builds(lambda o, s: join("{", entries(o), "}", s), objects, spaces)


def or_null(inner: Typed) -> Typed:
    return f"null | {inner[0]}", inner[1] | st.just(same("null"))


def larger(inner: st.SearchStrategy[Typed]) -> st.SearchStrategy[Typed]:
    objects = st.dictionaries(keys, inner, max_size=4).map(object_of)
    return inner.map(array_of) | inner.map(record_of) | inner.map(or_null) | objects


typed = st.recursive(st.sampled_from(SCALARS), larger, max_leaves=5)
documents = st.dictionaries(keys, typed, max_size=4).map(object_of)


@given(st.data())
def test_every_value_under_its_precise_shape_becomes_its_lossless_text(data: st.DataObject) -> None:
    shape, values = data.draw(documents)
    with open_decoder(shape) as decoder:
        clean, modern = data.draw(values)
        assert decoder.decode("doc", clean.encode()).decode() == modern


Overridden = tuple[str, str, object]  # in clean JSON, in export_json, and the override
overridden_scalars: st.SearchStrategy[Overridden] = st.one_of(
    int64s.map(lambda pair: (*pair, "int64")),
    binaries.map(lambda pair: (*pair, "bytes")),
    st.sampled_from(["Infinity", "-Infinity"]).map(lambda word: (quote(word), FLOAT_WORDS[word], "float64inf")),
    st.integers(1, 2**52 - 1)
    .map(lambda payload: base64_of((0x7FF << 52 | payload).to_bytes(8, "little")))
    .map(lambda nan: ('"NaN"', f'{{"$float":"{nan}"}}', {"$float64NaN": nan})),
    (texts | plain_floats).map(lambda pair: (*pair, "infer")),
)


def overridden_array(items: list[Overridden]) -> Overridden:
    return *join("[", [item[:2] for item in items], "]", ""), [item[2] for item in items]


def overridden_object(members: dict[str, Overridden]) -> Overridden:
    pairs = entries({key: (clean, modern) for key, (clean, modern, _) in members.items()})
    return *join("{", pairs, "}", ""), {key: o for key, (_, _, o) in members.items() if o != "infer"}


overridden = st.recursive(
    overridden_scalars,
    lambda inner: (
        st.lists(inner, max_size=4).map(overridden_array)
        | st.dictionaries(keys, inner, max_size=4).map(overridden_object)
    ),
    max_leaves=10,
)


@given(st.dictionaries(keys, overridden, max_size=5).map(overridden_object))
def test_every_value_of_unknown_shape_with_its_overrides_becomes_its_lossless_text(document: Overridden) -> None:
    clean, modern, override = document
    with open_decoder("unknown", override) as decoder:
        assert decoder.decode("doc", clean.encode()).decode() == modern
        assert decoder.mismatched == 0


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6)
    # what would be decoded if anything asked for it
    | st.sampled_from(["1", "NaN", "Infinity", "QQ==", ""]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("ab") | st.text(max_size=3), inner),
    max_leaves=12,
)
json_lines = st.builds(
    lambda value, comma, colon, ascii_only: json.dumps(value, separators=(comma, colon), ensure_ascii=ascii_only),
    st.dictionaries(st.sampled_from("abc"), json_values),
    st.sampled_from([",", " , ", ",\t"]),
    st.sampled_from([":", ": ", " :"]),
    st.booleans(),
).map(lambda text: text.encode() + b"\n")


@given(json_lines, st.sampled_from(["unknown", "{}", '{"a": string, "b"?: array<unknown>, "c": {"a": field_name}}']))
def test_a_document_is_left_as_it_is_where_nothing_can_be_decoded(line: bytes, shape: str) -> None:
    with open_decoder(shape) as decoder:
        assert not decoder.needs_decoding
        assert decoder.decode("doc", line) is line


@given(json_lines, st.lists(typed, max_size=4), st.one_of(overridden, st.none()))
def test_no_document_shape_or_override_makes_it_raise(
    line: bytes, shapes: list[Typed], other: Overridden | None
) -> None:
    merged = " | ".join(["null", *(text for text, _ in shapes)])
    with open_decoder(
        f'{{"a": {merged}, "b": array<{merged}>}} | record<string, {merged}>', other and other[2]
    ) as decoder:
        decoded = decoder.decode("doc", line)
        assert json.loads(decoded).keys() == json.loads(line).keys()
        assert (decoded != line) == (decoder.decoded > 0)
