"""What can be loaded, which tables of it land, and that nothing does of what is damaged or hostile."""

import json
import os
import random
import shutil
import struct
import subprocess
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import (
    Extract,
    ZipCrypto,
    data_span,
    documents,
    landed,
    rejected,
    run_folders,
    table_entries,
    tables_listing,
    tree,
    write_directory,
    write_encrypted_zip,
    write_zip,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.generate import generate
from common.errors import CommandError
from extract.landing import LandingZone
from extract.load import load

PASSWORD = "s3cret-κλειδί"  # noqa: S105
SCHEMA = "generated_schema.jsonl"


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generated export in the newer and the older format, and unpacked."""
    folder = tmp_path_factory.mktemp("exports")
    generate(folder / "uniform.zip", palettes=2, seed=7)
    generate(folder / "legacy.zip", palettes=2, seed=7, encoding="legacy")
    with zipfile.ZipFile(folder / "uniform.zip") as archive:
        archive.extractall(folder / "unpacked")
    return folder


# The three kinds


def test_a_zip_and_a_directory_of_it_land_the_same(extract: Extract, exports: Path) -> None:
    from_zip = extract.load(exports / "uniform.zip")
    names = [table["name"] for table in from_zip["tables"]]
    expected = {name: landed(extract.raw, name) for name in names}
    from_directory = extract.load(exports / "unpacked")

    assert {name: landed(extract.raw, name) for name in names} == expected
    assert [from_zip["source"]["type"], from_directory["source"]["type"]] == ["zip", "directory"]
    assert (from_directory["source"]["name"], from_directory["source"]["bytes"]) == ("unpacked", None)
    with zipfile.ZipFile(exports / "uniform.zip") as archive:
        lines = {name: archive.read(f"{name}/documents.jsonl").splitlines() for name in ("palettes", "palette_tags")}
    assert expected | lines == expected
    assert {table["format"] for table in from_zip["tables"]} == {"uniform"}


def test_the_older_format_lands_as_the_newer_would_have(extract: Extract, exports: Path) -> None:
    newer = extract.load(exports / "uniform.zip")
    expected = {table["name"]: landed(extract.raw, table["name"]) for table in newer["tables"]}
    older = extract.load(exports / "legacy.zip")
    assert {table["name"]: landed(extract.raw, table["name"]) for table in older["tables"]} == expected
    assert {table["format"] for table in older["tables"]} == {"legacy"}
    assert older["rejected"] == newer["rejected"]


def test_the_older_format_is_decoded_as_shape_and_overrides_tell(extract: Extract, tmp_path: Path) -> None:
    entries = table_entries(
        t=b'{"_id":"a","big":"9007199254740993","f":"NaN","n":3,"any":"7","b":"AAE="}\n'
        b'{"_id":"b","big":"1","f":1.5,"n":2.5,"any":"8","b":""}\nspoilt\n'
    )
    shape = '{"_id": id<10001>, "big": int64, "f": float64, "n": normalfloat64, "any": int64 | string, "b": bytes}'
    entries[f"t/{SCHEMA}"] = json.dumps(shape).encode() + b'\n{"b":{"any":"int64"}}\n{"b"\n'
    (table,) = extract.load(write_zip(tmp_path / "x.zip", entries))["tables"]
    assert landed(extract.raw, "t") == [
        b'{"_id":"a","big":9007199254740993,"f":{"$float":"AAAAAAAA+H8="},"n":3.0,"any":"7","b":{"$bytes":"AAE="}}',
        b'{"_id":"b","big":1,"f":1.5,"n":2.5,"any":8,"b":{"$bytes":""}}',
    ]
    assert [(row["line_number"], row["raw"]) for row in rejected(extract.raw)] == [(3, b"spoilt")]
    assert table["format"] == "legacy"
    assert [note.split()[:2] for note in table["notes"]] == [
        ["1", "override"],
        ["7", "value(s)"],
        ["1", "string(s)"],
    ]


@pytest.mark.parametrize("schema", [None, b"", b'"{broken"\n', b"\xff\n", b"7\n", b"[" * 100_000])
def test_a_table_whose_schema_cannot_be_read_lands_as_it_stands_with_a_note(
    extract: Extract, tmp_path: Path, schema: bytes | None
) -> None:
    entries = table_entries(t=b'{"_id":"a","n":"9007199254740993"}\n')
    if schema is None:
        del entries[f"t/{SCHEMA}"]
    else:
        entries[f"t/{SCHEMA}"] = schema
    (table,) = extract.load(write_zip(tmp_path / "x.zip", entries))["tables"]
    assert landed(extract.raw, "t") == [b'{"_id":"a","n":"9007199254740993"}']
    assert table["format"] == "clean"
    (note,) = table["notes"]
    assert SCHEMA in note
    assert "stay text" in note


@pytest.mark.parametrize(
    ("file", "arguments", "table"),
    [
        ("palettes.jsonl", [], "palettes"),
        ("palettes.ndjson", [], "palettes"),
        ("PALETTES.JSONL", [], "PALETTES"),
        ("dump 1.jsonl", ["--table", "palettes"], "palettes"),
        ("dump", ["--table", "palettes"], "palettes"),
        ("palettes.json", [], "palettes"),
        ("feedback.votes.jsonl", [], "feedback.votes"),
        ("dump.jsonl", ["--table", "a.b%2Ec.votes"], "a.b%2Ec.votes"),
    ],
)
def test_one_file_lands_as_the_table_it_names(extract: Extract, file: str, arguments: list[str], table: str) -> None:
    Path(file).write_bytes(documents("a", "b"))
    run = extract.load(file, *arguments)
    assert [found["name"] for found in run["tables"]] == [table]
    assert landed(extract.raw, table) == documents("a", "b").splitlines()
    assert run["source"] == {"type": "jsonl", "name": file, "bytes": len(documents("a", "b"))}
    assert (run["notes"], run["tables"][0]["notes"]) == ([], [])


@pytest.mark.parametrize(
    ("file", "arguments"),
    [
        ("dump 1.jsonl", []),
        ("documents.jsonl", []),  # as a snapshot's files are all called
        (".jsonl", []),
        ("t.jsonl", ["--table", "../t"]),
        ("t.jsonl", ["--table", "a/b"]),
        ("t.jsonl", ["--table", "1st"]),
        ("t.jsonl", ["--table", "_rejected"]),  # which would take the place of the lines set aside
        ("t.jsonl", ["--table", "x" * 65]),
    ],
)
def test_one_file_that_names_no_table_is_refused(extract: Extract, file: str, arguments: list[str]) -> None:
    Path(file).write_bytes(documents("a"))
    assert "--table" in extract.fails(file, *arguments)


CLEAN = b'"{\\"_id\\": id<10001>, \\"n\\": int64}"\n'


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "with a byte order mark"])
def test_one_file_of_an_older_snapshot_is_decoded_by_the_schema_beside_it(
    extract: Extract, tmp_path: Path, mark: bytes
) -> None:
    write_directory(tmp_path / "t", {"documents.jsonl": b'{"_id":"a","n":"7"}\n', SCHEMA: mark + CLEAN})
    (table,) = extract.load("t/documents.jsonl", "--table", "t")["tables"]
    assert landed(extract.raw, "t") == [b'{"_id":"a","n":7}']
    assert (table["format"], table["notes"]) == ("legacy", ["1 value(s) decoded as the older format's shape says"])


def test_one_file_of_a_snapshot_without_its_schema_says_what_stays_text(extract: Extract, tmp_path: Path) -> None:
    write_directory(tmp_path / "t", {"documents.jsonl": b'{"_id":"a","n":"7"}\n'})
    (table,) = extract.load("t/documents.jsonl", "--table", "t")["tables"]
    assert landed(extract.raw, "t") == [b'{"_id":"a","n":"7"}']
    (note,) = table["notes"]
    assert "no generated_schema.jsonl" in note
    assert "int64" in note


# Snapshots that another tool rebuilt

MADE_ANEW = {
    "backslashes": lambda name: name.replace("/", "\\"),
    "a dot before": lambda name: f"./{name}",
    "a folder around": lambda name: f"snapshot_happy-otter-123/{name}",
    "folders around, with backslashes": lambda name: f".\\my export\\new\\{name}".replace("/", "\\"),
}
JUNK = [
    "__MACOSX/palettes/._documents.jsonl",
    ".DS_Store",
    "palettes/.DS_Store",
    "Thumbs.db",
    "tags/desktop.ini",
    "._x",
]


@pytest.mark.parametrize("kind", ["zip", "directory"])
@pytest.mark.parametrize("renamed", MADE_ANEW.values(), ids=MADE_ANEW.keys())
def test_a_snapshot_that_was_rebuilt_is_the_same(
    extract: Extract, tmp_path: Path, kind: str, renamed: Callable[[str], str]
) -> None:
    entries = table_entries(palettes=documents("p"), tags=b'{"_id":"t","n":"7"}\n')
    entries |= {f"tags/{SCHEMA}": CLEAN, "_storage/documents.jsonl": b"", "_storage/kg1.png": b"\x89"}
    entries |= {"_components/shop/_tables/documents.jsonl": tables_listing("votes")}
    entries |= {"_components/shop/votes/documents.jsonl": documents("v")}
    rebuilt = {renamed(name): content for name, content in entries.items()} | dict.fromkeys(JUNK, b"\x00")
    if kind == "zip":
        rebuilt |= {renamed("tags/"): b"", "__MACOSX/": b""}
        run = extract.load(write_zip(tmp_path / "x.zip", rebuilt))
    else:
        run = extract.load(write_directory(tmp_path / "in", rebuilt))
    assert landed(extract.raw, "palettes") == documents("p").splitlines()
    assert landed(extract.raw, "tags") == [b'{"_id":"t","n":7}']
    assert landed(extract.raw, "shop.votes") == documents("v").splitlines()
    assert {table["name"] for table in run["tables"]} == {"palettes", "tags", "shop.votes"}
    assert run["notes"] == ["1 stored file(s) were passed over"]


@pytest.mark.parametrize("folder", ["", "export/"])
@pytest.mark.parametrize(
    "again",
    ["t/documents.jsonl", "./t/documents.jsonl", "t\\documents.jsonl", f"t/{SCHEMA}", "_tables/documents.jsonl"],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_the_same_entry_twice_is_an_error(extract: Extract, tmp_path: Path, folder: str, again: str) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name, content in table_entries(t=documents("a", "b")).items():
            archive.writestr(folder + name, content)
        archive.writestr(folder + again, documents("c"))
    error = extract.fails("x.zip")
    assert f"x.zip holds {folder}" in error
    assert "twice" in error


def test_tables_whose_names_differ_in_case_only_are_refused(extract: Extract, tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "x.zip", table_entries(palettes=documents("a"), Palettes=documents("b")))
    assert "--skip palettes" in extract.fails(archive)
    extract.load(archive, "--skip", "Palettes")
    assert landed(extract.raw, "palettes") == documents("a").splitlines()


@pytest.mark.parametrize(
    "listing",
    [
        b"\n" + tables_listing("t") + b"\r\n \n",
        b"\xef\xbb\xbf" + tables_listing("t"),
        tables_listing("t").decode().encode("utf-16"),
        b'[\n  {"name": "t", "id": 10001}\n]\n',
    ],
    ids=["blank lines", "a byte order mark", "UTF-16", "an array"],
)
def test_a_listing_is_read_in_any_form(extract: Extract, tmp_path: Path, listing: bytes) -> None:
    entries = table_entries(t=documents("a")) | {"_tables/documents.jsonl": listing}
    assert extract.load(write_zip(tmp_path / "x.zip", entries))["notes"] == []
    entries = table_entries(u=documents("a")) | {"_tables/documents.jsonl": listing}
    assert "lists t," in extract.fails(write_zip(tmp_path / "x.zip", entries))


# Which tables land


def test_tables_of_components_land_under_their_names(extract: Extract, tmp_path: Path) -> None:
    folders = {
        "t": "",
        "a.t": "_components/a/",
        "a.b.t": "_components/a/_components/b/",
        "a%2Eb.t": "_components/a.b/",
        "my_components.t": "_components/my_components/",
        "_components.t": "_components/_components/",
    }
    entries = {f"{folder}_tables/documents.jsonl": tables_listing("t") for folder in folders.values()}
    entries |= {f"{folder}t/documents.jsonl": documents(name) for name, folder in folders.items()}
    run = extract.load(write_zip(tmp_path / "x.zip", entries))
    assert {name: landed(extract.raw, name) for name in folders} == {
        name: documents(name).splitlines() for name in folders
    }
    assert {table["name"]: (table["component"], table["table"]) for table in run["tables"]} == {
        "t": ("", "t"),
        "a.t": ("a", "t"),
        "a.b.t": ("a/b", "t"),
        "a%2Eb.t": ("a.b", "t"),
        "my_components.t": ("my_components", "t"),
        "_components.t": ("_components", "t"),
    }
    assert run["notes"] == []


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    results = {"palette_tag_consensus": documents("c"), "analytics_runs": documents("r")}
    entries = table_entries(palettes=documents("p"), tags=documents("t"), **results)
    entries |= {"_storage/documents.jsonl": documents("s"), "_storage/kg123.png": b"\x89PNG", "_storage/kg124": b""}
    entries |= {"_components/a/_tables/documents.jsonl": tables_listing("tags")}
    entries |= {"_components/a/tags/documents.jsonl": documents("at")}
    return write_zip(tmp_path / "mixed.zip", entries)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], {"palettes", "tags", "a.tags"}),
        (["--skip", "tags"], {"palettes", "a.tags"}),
        (["--skip", "tags", "--skip", "a.tags"], {"palettes"}),
        (["--skip", "no_such_table"], {"palettes", "tags", "a.tags"}),
        (["--only", "tags"], {"tags"}),
        (["--only", "a.tags", "--only", "palettes"], {"palettes", "a.tags"}),
        (["--only", "tags", "--only", "palettes", "--skip", "tags"], {"palettes"}),
        (["--only", "_storage"], {"_storage"}),
        (["--only", "palette_tag_consensus"], {"palette_tag_consensus"}),
        (["--only", "analytics_runs"], {"analytics_runs"}),
    ],
)
def test_tables_are_chosen(extract: Extract, mixed: Path, arguments: list[str], expected: set[str]) -> None:
    run = extract.load(mixed, *arguments)
    assert {table["name"] for table in run["tables"]} == expected
    every = {"palettes", "tags", "a.tags", "palette_tag_consensus", "analytics_runs", "_storage"}
    assert run["skipped"] == sorted(every - expected)
    files = {path.name for path in run_folders(extract.raw)[0].glob("*.parquet")}
    assert files == {f"{name}.parquet" for name in expected} | {"_rejected.parquet"}
    assert run["notes"][-1] == "2 stored file(s) were passed over"
    assert len(run["notes"]) == 1 + ("no_such_table" in arguments)


@pytest.mark.parametrize(
    ("arguments", "essence"),
    [
        (["--only", "tagz"], "has no table tagz; it has _storage, a.tags, analytics_runs, palette_tag_consensus, "),
        (["--only", "tags", "--only", "x"], "has no table x"),
        (["--only", "_tables"], "has no table _tables"),
        (["--only", "tags", "--skip", "tags"], "no table of"),
    ],
)
def test_a_choice_that_cannot_be_is_refused(extract: Extract, mixed: Path, arguments: list[str], essence: str) -> None:
    assert essence in extract.fails(mixed, *arguments)


def test_an_empty_table_lands_as_an_empty_table(extract: Extract, tmp_path: Path) -> None:
    run = extract.load(write_zip(tmp_path / "x.zip", table_entries(t=b"")))
    assert landed(extract.raw, "t") == []
    assert [(table["name"], table["rows"], table["notes"]) for table in run["tables"]] == [("t", 0, [])]


# What a snapshot says it holds


def test_a_table_that_is_listed_and_not_there_is_an_error(extract: Extract, tmp_path: Path) -> None:
    entries = table_entries(t=documents("a"))
    entries["_tables/documents.jsonl"] = tables_listing("t", "lost", "gone")
    archive = write_zip(tmp_path / "x.zip", entries)
    error = extract.fails(archive)
    assert "isn't whole: its _tables lists gone, lost" in error
    assert "--skip gone --skip lost" in error
    assert [table["name"] for table in extract.load(archive, "--skip", "gone", "--skip", "lost")["tables"]] == ["t"]
    assert [table["name"] for table in extract.load(archive, "--only", "t")["tables"]] == ["t"]


def test_a_table_that_a_component_lists_is_looked_for_there(extract: Extract, tmp_path: Path) -> None:
    entries = table_entries(t=documents("a")) | {"_components/c/_tables/documents.jsonl": tables_listing("t")}
    assert "lists c.t," in extract.fails(write_zip(tmp_path / "x.zip", entries))


def test_a_table_that_is_there_and_not_listed_lands_with_a_note(extract: Extract, tmp_path: Path) -> None:
    entries = table_entries(t=documents("a")) | {"stray/documents.jsonl": documents("b")}
    run = extract.load(write_zip(tmp_path / "x.zip", entries))
    assert landed(extract.raw, "stray") == documents("b").splitlines()
    assert run["notes"] == ["_tables doesn't list stray"]


def test_a_snapshot_without_a_listing_lands_with_a_note(extract: Extract, tmp_path: Path) -> None:
    run = extract.load(write_zip(tmp_path / "x.zip", {"t/documents.jsonl": documents("a")}))
    assert run["notes"] == ["there is no _tables, so nothing could tell whether every table is here"]


def test_a_table_number_that_is_a_float_is_as_good_as_another(extract: Extract, tmp_path: Path) -> None:
    entries = table_entries(t=documents("a")) | {"_tables/documents.jsonl": b'{"name":"t","id":10001.0}\n'}
    assert extract.load(write_zip(tmp_path / "x.zip", entries))["notes"] == []


@pytest.mark.parametrize(
    "line",
    [
        b"spoilt",
        b"5",
        b"null",
        b'{"id":1}',
        b'{"name":7}',
        b'{"name":"a b"}',
        b'{"name":null}',
        b"\xff",
        b"[" * 100_000,
    ],
    ids=lambda line: repr(line[:16]),
)
def test_a_listing_that_cannot_be_read_is_an_error(extract: Extract, tmp_path: Path, line: bytes) -> None:
    entries = table_entries(t=documents("a"))
    entries["_tables/documents.jsonl"] += line + b"\n"
    assert "_tables/documents.jsonl" in extract.fails(write_zip(tmp_path / "x.zip", entries))


# What is no table


def test_other_files_are_passed_over_with_a_note_and_the_readme_without(extract: Extract, tmp_path: Path) -> None:
    entries = table_entries(t=documents("a"))
    entries |= {"notes.txt": b"x", "t/notes.txt": b"x", "empty/": b"", "t/deeper/documents.jsonl": b"x"}
    run = extract.load(write_zip(tmp_path / "x.zip", entries))
    assert [table["name"] for table in run["tables"]] == ["t"]
    assert run["notes"] == [
        "3 file(s) that belong to no table were passed over: notes.txt, t/notes.txt, t/deeper/documents.jsonl"
    ]


HOSTILE = [
    "../x/documents.jsonl",
    "../../x/documents.jsonl",
    "/x/documents.jsonl",
    "/etc/x/documents.jsonl",
    "x/../../documents.jsonl",
    "../documents.jsonl",
    "./documents.jsonl",
    "_components/../x/documents.jsonl",
    "_components/../../x/documents.jsonl",
    "_components/a/../x/documents.jsonl",
    "_components/a b/x/documents.jsonl",
    "_components/.../x/documents.jsonl",
    "_components/x/documents.jsonl/documents.jsonl",
    "a b/documents.jsonl",
    "a.b/documents.jsonl",
    "a%2Eb/documents.jsonl",
    "..\\x/documents.jsonl",
    "..\\..\\x\\documents.jsonl",
    "C:\\x/documents.jsonl",
    "x\n/documents.jsonl",
    "x\x1b[2J/documents.jsonl",
    "凉/documents.jsonl",
    "~/documents.jsonl",
    "-rf/documents.jsonl",
    "_rejected/documents.jsonl",
    "run.json/documents.jsonl",
    f"{'x' * 65}/documents.jsonl",
    "documents.jsonl",
]


@pytest.mark.parametrize("name", HOSTILE, ids=repr)
def test_a_hostile_name_writes_nothing_and_is_noted(extract: Extract, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    archive = write_zip(folder / "x.zip", table_entries(t=documents("a")) | {name: documents("hostile")})
    run = extract.load(archive)
    assert set(tree(tmp_path)) == {"in/x.zip", "raw/.lock"} | {
        f"raw/{run['run_id']}/{file}" for file in ("t.parquet", "_rejected.parquet", "run.json")
    }
    assert rejected(extract.raw) == []
    (note,) = run["notes"]
    assert note == f"1 file(s) that belong to no table were passed over: {name}"


def test_a_table_of_a_name_that_none_can_have_is_told_as_that(extract: Extract) -> None:
    Path("t.jsonl").write_bytes(documents("a"))
    assert "--table a b: /a b can't be the name of a Convex table" in extract.fails("t.jsonl", "--table", "a b")


def test_a_name_in_an_error_steers_no_terminal(extract: Extract, tmp_path: Path) -> None:
    name = "t/documents.jsonl"
    archive = write_zip(tmp_path / "x\x1b[2J\n.zip", table_entries(t=documents("a")) | {f"./{name}": b""})
    assert f"x\\x1b[2J\\n.zip holds {name} twice" in extract.fails(archive)


def test_a_name_that_is_no_unicode_is_noted(extract: Extract, tmp_path: Path) -> None:
    folder = write_directory(tmp_path / os.fsdecode(b"in\xff"), table_entries(t=documents("a")))
    (folder / os.fsdecode(b"x\xff.txt")).write_bytes(b"")
    run = extract.load(folder)
    assert run["notes"] == ["1 file(s) that belong to no table were passed over: x\udcff.txt"]
    assert run["source"]["name"] == "in\udcff"
    assert json.loads((run_folders(extract.raw)[0] / "run.json").read_bytes())["notes"] == run["notes"]
    assert extract("status").code == 0
    assert extract("load", folder).code == 0


def test_a_directory_keeps_to_itself(extract: Extract, tmp_path: Path) -> None:
    folder = write_directory(tmp_path / "in", table_entries(t=documents("a")))
    before = tree(folder)
    extract.load(folder)
    assert tree(folder) == before


# Damage


@pytest.mark.parametrize(
    ("path", "essence"),
    [
        ("nothing.zip", "nothing.zip doesn't exist"),
        ("nothing.jsonl", "nothing.jsonl doesn't exist"),
        ("no/such/folder", "no/such/folder doesn't exist"),
        ("t.jsonl/x", "doesn't exist"),
        ("text.zip", "It begins with a,b"),
        ("page.zip", "It begins with <!doctype html>"),
        ("empty.zip", "is no readable ZIP"),
        ("text.csv", "is neither a snapshot ZIP, a directory, nor a .jsonl or .json file"),
        ("folder", "holds no TABLE/documents.jsonl"),
        ("other.zip", "holds no TABLE/documents.jsonl"),
        ("listing_only", "no table of"),
        ("two_nested", "holds no TABLE/documents.jsonl"),
        ("above", "holds no TABLE/documents.jsonl"),
        ("files", "It holds palettes.jsonl, tags.json: load each of these by itself"),
        ("packed.zip", "It holds palettes.jsonl: load each of these by itself"),
        ("t.jsonl.d/t.jsonl", "holds no TABLE/documents.jsonl"),
        ("x" * 300, "can't read"),
    ],
)
def test_what_is_no_snapshot_is_one_clear_error(extract: Extract, tmp_path: Path, path: str, essence: str) -> None:
    for name in ("text.zip", "text.csv"):
        Path(name).write_text("a,b\n1,2\n")
    Path("t.jsonl").write_bytes(documents("a"))
    Path("page.zip").write_text("<!doctype html>\n<html>Sign in</html>\n")
    Path("empty.zip").write_bytes(b"")
    write_directory(tmp_path / "folder", {"notes.txt": b"x"})
    write_directory(tmp_path / "listing_only", {"_tables/documents.jsonl": b""})
    write_directory(tmp_path / "two_nested", {f"{n}/t/documents.jsonl": documents("a") for n in ("a", "b")})
    write_directory(tmp_path / "above", {"documents.jsonl": documents("a")})
    write_directory(tmp_path / "files", {"tags.json": documents("a"), "palettes.jsonl": documents("a"), "x.csv": b"x"})
    write_directory(tmp_path / "t.jsonl.d" / "t.jsonl", {"a": b""})
    write_zip(tmp_path / "packed.zip", {"palettes.jsonl": documents("a")})
    write_zip(tmp_path / "other.zip", {"notes.txt": b"x"})
    assert essence in extract.fails(path)


def test_a_zip_is_known_by_its_content_too(extract: Extract, tmp_path: Path) -> None:
    extract.load(write_zip(tmp_path / "snapshot", table_entries(t=documents("a"))))
    assert landed(extract.raw, "t") == documents("a").splitlines()


@pytest.mark.parametrize("kept", [0, 1, 3, 30, 100, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, -200, -98, -57, -22, -21, -1])
def test_a_zip_that_was_cut_lands_nothing(extract: Extract, exports: Path, kept: float) -> None:
    content = (exports / "uniform.zip").read_bytes()
    length = int(len(content) * kept) if isinstance(kept, float) else kept
    Path("cut.zip").write_bytes(content[:length])
    assert "cut.zip" in extract.fails("cut.zip")


@pytest.mark.parametrize("name", ["palettes/documents.jsonl", f"palettes/{SCHEMA}", "_tables/documents.jsonl"])
@pytest.mark.parametrize("place", [0.0, 0.4, 0.7])
def test_a_flipped_byte_of_data_lands_nothing(extract: Extract, exports: Path, name: str, place: float) -> None:
    content = bytearray((exports / "uniform.zip").read_bytes())
    start, end = data_span(exports / "uniform.zip", name)
    content[start + int((end - start) * place)] ^= 0x10
    Path("bad.zip").write_bytes(content)
    error = extract.fails("bad.zip")
    assert f"bad.zip is damaged: {name} can't be read" in error
    assert "download it again" in error


def test_a_wrong_checksum_lands_nothing(extract: Extract, tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "x.zip", table_entries(t=documents(*map(str, range(1000)))))
    content = archive.read_bytes()
    with zipfile.ZipFile(archive) as opened:
        crc = struct.pack("<L", opened.getinfo("t/documents.jsonl").CRC)
    archive.write_bytes(content.replace(crc, bytes(4)))
    assert "CRC" in extract.fails(archive)


def _container(method: int) -> bytes:
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w", method) as archive:
            for name, content in table_entries(t=documents(*"abcdefgh")).items():
                archive.writestr(name, content)
        file.seek(0)
        return file.read()


def _convex_container() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return write_zip(Path(folder, "x.zip"), table_entries(t=documents(*"abcdefgh"))).read_bytes()


CONTAINERS = [_convex_container(), *map(_container, (0, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))]


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(CONTAINERS), st.data())
def test_a_spoilt_container_lands_the_truth_or_nothing(content: bytes, data: st.DataObject) -> None:
    places = st.integers(0, len(content) - 1)
    spoilt = bytearray(content)
    for place in data.draw(st.lists(places, min_size=1, max_size=3)):
        spoilt[place] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as folder:
        archive, raw = Path(folder, "x.zip"), Path(folder, "raw")
        archive.write_bytes(spoilt[: data.draw(st.just(len(spoilt)) | places)])
        error = None
        try:
            load(archive, LandingZone(raw))
        except CommandError as raised:
            error = str(raised)
        if error is None:
            assert landed(raw, "t") == documents(*"abcdefgh").splitlines()
        else:
            assert "\n" not in error
            assert not raw.exists() or {path.name for path in raw.iterdir()} <= {".lock"}


@pytest.mark.parametrize("method", [9, 12345])
def test_a_way_of_packing_that_is_not_supported_is_one_clear_error(
    extract: Extract, tmp_path: Path, method: int
) -> None:
    archive = tmp_path / "x.zip"
    content = _container(zipfile.ZIP_DEFLATED)
    for header, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        pieces = content.split(header)
        field = struct.pack("<H", method)
        content = header.join([pieces[0], *(p[: offset - 4] + field + p[offset - 2 :] for p in pieces[1:])])
    archive.write_bytes(content)
    error = extract.fails(archive)
    assert "isn't supported" in error
    assert "load the directory" in error


def test_a_zip_that_needs_a_later_version_is_one_clear_error(extract: Extract, tmp_path: Path) -> None:
    content = _container(0).split(b"PK\x01\x02")
    (tmp_path / "x.zip").write_bytes(
        b"PK\x01\x02".join([content[0], *(p[:2] + b"\xc8\x00" + p[4:] for p in content[1:])])
    )
    assert "is no readable ZIP" in extract.fails("x.zip")


# Passwords


@pytest.fixture
def encrypted(tmp_path: Path) -> Path:
    return write_encrypted_zip(tmp_path / "x.zip", table_entries(t=documents("a", "b")), PASSWORD.encode())


def wrong_password_that_passes_the_check(archive: Path) -> str:
    """A ZIP checks a password by one byte only."""
    start, _ = data_span(archive, "_tables/documents.jsonl")
    header = archive.read_bytes()[start : start + 12]
    with zipfile.ZipFile(archive) as opened:
        wanted = opened.getinfo("_tables/documents.jsonl").CRC >> 24
    guesses = (f"guess-{n}" for n in range(100_000))
    return next(guess for guess in guesses if ZipCrypto(guess.encode()).decrypt(header)[-1] == wanted)


def test_an_encrypted_zip_lands_with_its_password(
    extract: Extract, encrypted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXPORT_ZIP_PASSWORD", PASSWORD)
    result = extract("load", encrypted)
    assert result.code == 0
    assert landed(extract.raw, "t") == documents("a", "b").splitlines()
    assert PASSWORD not in result.out + result.err + (run_folders(extract.raw)[0] / "run.json").read_text()
    assert not any(PASSWORD.encode() in content for content in tree(extract.raw).values())


def test_the_password_may_stand_in_the_env_file(extract: Extract, encrypted: Path) -> None:
    Path(".env").write_text(f"EXPORT_ZIP_PASSWORD='{PASSWORD}'\n")
    extract.load(encrypted)
    assert landed(extract.raw, "t") == documents("a", "b").splitlines()


@pytest.mark.skipif(not shutil.which("zip"), reason="needs the command zip")
def test_a_zip_that_was_encrypted_by_the_command_zip_lands(
    extract: Extract, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_directory(tmp_path / "in", table_entries(t=documents("a")))
    subprocess.run(["zip", "-qr", "-P", "word", tmp_path / "x.zip", "."], cwd=folder, check=True)
    monkeypatch.setenv("EXPORT_ZIP_PASSWORD", "word")
    extract.load("x.zip")
    assert landed(extract.raw, "t") == documents("a").splitlines()


def test_a_missing_password_is_one_clear_error(extract: Extract, encrypted: Path) -> None:
    assert "is encrypted, and the password is missing: set EXPORT_ZIP_PASSWORD" in extract.fails(encrypted)


@pytest.mark.parametrize("password", ["wrong", "凉🎨", os.fsdecode(b"\xff\xfe")], ids=repr)
def test_a_wrong_password_is_one_clear_error(
    extract: Extract, encrypted: Path, monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    monkeypatch.setenv("EXPORT_ZIP_PASSWORD", password)
    error = extract.fails(encrypted)
    assert "the password is wrong: set EXPORT_ZIP_PASSWORD" in error
    assert f" {password} " not in error


def test_a_wrong_password_that_a_zip_takes_for_right_is_one_clear_error(
    extract: Extract, encrypted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    password = wrong_password_that_passes_the_check(encrypted)
    monkeypatch.setenv("EXPORT_ZIP_PASSWORD", password)
    error = extract.fails(encrypted)
    assert "EXPORT_ZIP_PASSWORD is wrong" in error
    assert password not in error


def test_a_file_that_vanishes_from_a_directory_lands_nothing(extract: Extract, tmp_path: Path) -> None:
    folder = write_directory(tmp_path / "in", table_entries(a=documents("a"), z=documents("z")))
    (folder / "z" / SCHEMA).unlink()
    (folder / "z" / SCHEMA).symlink_to("nowhere")
    assert [table["format"] for table in extract.load(folder)["tables"]] == ["uniform", "clean"]
    (folder / "z" / "documents.jsonl").unlink()
    (folder / "z" / "documents.jsonl").symlink_to("nowhere")
    assert "lists z" in extract.fails(folder)


def test_random_bytes_are_no_export(extract: Extract) -> None:
    Path("x.zip").write_bytes(random.Random(1).randbytes(100_000))
    extract.fails("x.zip")
