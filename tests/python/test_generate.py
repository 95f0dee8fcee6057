"""The generated export: true to Convex's container, the same every time, and as messy as what models answer."""

import json
import math
import os
import random
import shutil
import struct
import subprocess
import sys
import unicodedata
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks import generate as command  # noqa: E402
from benchmarks.answers import RESULTS_PER_PALETTE, spread  # noqa: E402
from benchmarks.convex_zip import ascending_ids, document_id, parse_document_id, to_json  # noqa: E402
from benchmarks.generate import generate  # noqa: E402
from benchmarks.vocabulary import CATEGORICAL, LISTS, TAGS_PER_LIST  # noqa: E402

pytestmark = pytest.mark.further

PALETTES = 20
TABLES = {
    "palettes": 10001,
    "palette_tags": 10002,
    "prompt_versions": 10003,
    "tag_batches": 10004,
    "palette_tag_refined": 10005,
    "refinement_batches": 10006,
    "stats_cache": 10007,
    "palette_tag_consensus": 10008,
    "feature_flags": 10009,
}
COMPONENT_FOLDER = "_components/rateLimiter/"

Document = dict[str, Any]


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("messy") / "export.zip"
    generate(path, PALETTES, seed=1)
    return path


@pytest.fixture(scope="module")
def clean_export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clean") / "export.zip"
    generate(path, PALETTES, seed=1, clean=True)
    return path


@pytest.fixture(scope="module")
def legacy_export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("legacy") / "export.zip"
    generate(path, PALETTES, seed=1, encoding="legacy")
    return path


def lines(path: Path, entry: str) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        text = archive.read(entry).decode()
    assert not text or text.endswith("\n")
    return text.split("\n")[:-1]


def _no_duplicate_keys(pairs: list[tuple[str, Any]]) -> Document:
    assert len({key for key, _ in pairs}) == len(pairs)
    return dict(pairs)


def _no_constant(name: str) -> float:
    raise AssertionError(f"{name} isn't strict JSON")


def documents(path: Path, table: str) -> list[Document]:
    return [
        json.loads(line, object_pairs_hook=_no_duplicate_keys, parse_constant=_no_constant)
        for line in lines(path, f"{table}/documents.jsonl")
    ]


@pytest.fixture(scope="module")
def results(export: Path) -> list[Document]:
    return documents(export, "palette_tags")


# The container


def local_entries(data: bytes) -> Iterator[tuple[str, dict[str, int], bytes, bytes, bytes]]:
    """Walk the central directory: name, sizes and place, directory record, local header with extra, descriptor."""
    start = data.index(b"PK\x01\x02")
    while data[start : start + 4] == b"PK\x01\x02":
        name_length, extra_length, comment_length = struct.unpack_from("<HHH", data, start + 28)
        record = data[start : start + 46 + name_length + extra_length + comment_length]
        name = record[46 : 46 + name_length].decode()
        tag, length, size, packed_size, offset = struct.unpack("<HHQQQ", record[46 + name_length :])
        assert (tag, length) == (1, 24)
        header_end = offset + 30 + name_length + 20
        descriptor = data[header_end + packed_size : header_end + packed_size + 16]
        place = {"size": size, "packed_size": packed_size, "offset": offset, "end": header_end + packed_size + 16}
        yield name, place, record, data[offset:header_end], descriptor
        start += len(record)


def test_entries_have_the_form_of_a_streamed_convex_export(export: Path) -> None:
    data, expected_offset = export.read_bytes(), 0
    with zipfile.ZipFile(export) as archive:
        infos = {info.filename: info for info in archive.infolist()}
    for name, place, record, header, descriptor in local_entries(data):
        assert place["offset"] == expected_offset
        expected_offset = place["end"]
        signature, version, flags, method, _, _, crc, packed, size, name_length, extra = struct.unpack_from(
            "<4sHHHHHLLLHH", header
        )
        assert (signature, version, method, crc) == (b"PK\x03\x04", 45, 8, 0)
        assert flags & 1 << 3
        assert (packed, size, name_length, extra) == (0xFFFFFFFF, 0xFFFFFFFF, len(name), 20)
        assert header[30 + name_length :] == struct.pack("<HHQQ", 1, 16, 0, 0)
        assert descriptor == b"PK\x07\x08" + struct.pack("<LLL", infos[name].CRC, 0xFFFFFFFF, 0xFFFFFFFF)
        assert struct.unpack_from("<LL", record, 20) == (0xFFFFFFFF, 0xFFFFFFFF)
        assert struct.unpack_from("<L", record, 42) == (0xFFFFFFFF,)
        assert infos[name].external_attr >> 16 == 0o100644
        assert infos[name].file_size == place["size"]


def test_the_end_of_the_archive_is_always_zip64(export: Path) -> None:
    data = export.read_bytes()
    with zipfile.ZipFile(export) as archive:
        entries = len(archive.infolist())
    directory = data.index(b"PK\x01\x02")
    end64, locator, end = data[-98:-42], data[-42:-22], data[-22:]
    assert struct.unpack("<4sQHHLLQQQQ", end64) == (
        *(b"PK\x06\x06", 44, 45, 45, 0, 0, entries, entries),
        *(len(data) - 98 - directory, directory),
    )
    assert struct.unpack("<4sLQL", locator) == (b"PK\x06\x07", 0, len(data) - 98, 1)
    assert end == b"PK\x05\x06" + bytes(4) + b"\xff" * 12 + bytes(2)


def test_python_reads_the_archive(export: Path) -> None:
    with zipfile.ZipFile(export) as archive:
        assert archive.testzip() is None


@pytest.mark.skipif(shutil.which("unzip") is None, reason="unzip is not installed")
def test_unzip_reads_the_archive(export: Path) -> None:
    assert subprocess.run(["unzip", "-tqq", export], capture_output=True, check=False).returncode == 0


def test_entries_come_in_the_order_of_a_convex_export(export: Path) -> None:
    with zipfile.ZipFile(export) as archive:
        names = archive.namelist()
        sizes = [archive.getinfo(name).file_size for name in names[3::2]]
    assert names[:3] == [
        "README.md",
        "_tables/documents.jsonl",
        f"{COMPONENT_FOLDER}_tables/documents.jsonl",
    ]
    for documents_name, schema_name in zip(names[3::2], names[4::2], strict=True):
        assert documents_name.endswith("/documents.jsonl")
        assert schema_name == documents_name.replace("documents", "generated_schema")
        assert lines(export, schema_name) == ['"uniform"']
    assert sizes == sorted(sizes)
    assert sizes[0] == 0
    assert names[-2] == "palette_tags/documents.jsonl"


def test_tables_lists_every_table_with_its_number(export: Path) -> None:
    listed = {table["name"]: table["id"] for table in documents(export, "_tables")}
    assert listed == TABLES
    assert list(listed.values()) == sorted(listed.values())
    assert documents(export, f"{COMPONENT_FOLDER}_tables") == [{"name": "rateLimits", "id": 10001}]
    with zipfile.ZipFile(export) as archive:
        folders = {name.removesuffix("/documents.jsonl") for name in archive.namelist() if "documents" in name}
    assert folders == {*TABLES, "_tables", f"{COMPONENT_FOLDER}_tables", f"{COMPONENT_FOLDER}rateLimits"}


# The same every time


def test_the_file_is_the_same_in_every_process(export: Path, tmp_path: Path) -> None:
    for hash_seed in ("1", "2"):
        out = tmp_path / f"{hash_seed}.zip"
        subprocess.run(
            [sys.executable, ROOT / "benchmarks/generate.py", "--palettes", str(PALETTES), "--seed", "1", "--out", out],
            check=True,
            capture_output=True,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            cwd=tmp_path,
        )
        assert out.read_bytes() == export.read_bytes()


def test_another_seed_makes_another_file(export: Path, tmp_path: Path) -> None:
    generate(tmp_path / "other.zip", PALETTES, seed=2)
    assert (tmp_path / "other.zip").read_bytes() != export.read_bytes()


# IDs and JSON


def test_an_id_is_spelt_as_convex_spells_it() -> None:
    internal = bytes(pow(251, n + 1, 256) for n in range(16))
    assert document_id(1017, internal) == "z43zp6c3e75gkmz1kfwj6mbbx5sw281h"  # Convex's own test of stability
    assert parse_document_id("kg27rxfv99gzp01wmph0gvt92d6hnvy6")[0] == 540


@pytest.mark.parametrize("number", [1, 127, 128, 10001, 2**21, 2**32 - 1])
def test_ids_of_any_table_number_can_be_read_back(number: int) -> None:
    internal = random.Random(number).randbytes(16)
    assert parse_document_id(document_id(number, internal)) == (number, internal)


def test_a_spoilt_id_is_refused() -> None:
    with pytest.raises(ValueError, match="canonical"):
        parse_document_id("kg27rxfv99gzp01wmph0gvt92d6hnvy7")


@pytest.mark.parametrize("total", [1, 2, 1000])
def test_ids_ascend_without_sorting(total: int) -> None:
    ids = list(ascending_ids(10002, total, random.Random(1)))
    assert len(set(ids)) == total
    assert ids == sorted(ids)


def test_every_table_has_canonical_ids_in_order(export: Path) -> None:
    tables = {**TABLES, f"{COMPONENT_FOLDER}rateLimits": 10001}
    for table, number in tables.items():
        ids = [document["_id"] for document in documents(export, table)]
        assert {parse_document_id(text)[0] for text in ids} <= {number}
        assert all(first < second for first, second in pairwise(ids))
        assert all(document["_creationTime"] > 0 for document in documents(export, table))


@pytest.mark.parametrize("total", [1, 2, 3, 12, 1452])
def test_spread_visits_every_number_once(total: int) -> None:
    assert sorted(spread(total)) == list(range(total))


@pytest.mark.parametrize(
    ("value", "uniform", "legacy"),
    [
        (42, "42", '"42"'),
        (2**53 + 1, "9007199254740993", '"9007199254740993"'),
        (3.0, "3.0", "3.0"),
        (-0.0, "-0.0", "-0.0"),
        (1e15, "1000000000000000.0", "1000000000000000.0"),
        (1e16, "1e16", "1e16"),
        (1.2345678901234568e17, "1.2345678901234568e17", "1.2345678901234568e17"),
        (0.0001, "0.0001", "0.0001"),
        (-1.5e-5, "-0.000015", "-0.000015"),
        (1e-7, "1e-7", "1e-7"),
        (math.nan, '{"$float":"AAAAAAAA+H8="}', '"NaN"'),
        (-math.inf, '{"$float":"AAAAAAAA8P8="}', '"-Infinity"'),
        (b"\xde\xad\xbe\xef", '{"$bytes":"3q2+7w=="}', '"3q2+7w=="'),
        ('凉"\\\u0000\u2028\u007f\n', '"凉\\"\\\\\\u0000\u2028\u007f\\n"', '"凉\\"\\\\\\u0000\u2028\u007f\\n"'),
        ({"a": True, "_id": None, "Z": [], "9": {}}, '{"9":{},"Z":[],"_id":null,"a":true}', None),
    ],
)
def test_values_are_written_as_convex_writes_them(value: Any, uniform: str, legacy: str | None) -> None:
    assert to_json(value) == uniform
    assert to_json(value, "legacy") == (legacy or uniform)


def test_documents_are_written_in_convex_style(export: Path) -> None:
    for table in TABLES:
        for line in lines(export, f"{table}/documents.jsonl"):
            document = json.loads(line)
            assert list(document) == sorted(document)
            if table not in ("palette_tags", "stats_cache"):
                assert to_json(document) == line


def _keys_and_depth(value: Any, depth: int = 0) -> Iterator[tuple[str, int]]:
    if isinstance(value, dict):
        yield "", depth + 1
        for key, item in value.items():
            yield key, depth + 1
            yield from _keys_and_depth(item, depth + 1)
    elif isinstance(value, list):
        yield "", depth + 1
        for item in value:
            yield from _keys_and_depth(item, depth + 1)


def test_convex_could_store_every_result(export: Path, results: list[Document]) -> None:
    assert "".join(lines(export, "palette_tags/documents.jsonl")).encode().decode()  # no lone surrogate
    for document in results:
        keys = list(_keys_and_depth(document))
        assert max(depth for _, depth in keys) <= 16
        assert all(not key.startswith("$") and all(" " <= character <= "~" for character in key) for key, _ in keys)


# Scale and fields


def test_every_model_answers_every_palette_under_every_prompt_version(results: list[Document]) -> None:
    by_palette = defaultdict(Counter)
    for document in results:
        by_palette[document["seed"]][document["promptVersion"], document["model"]] += 1
    complete = [counts for counts in by_palette.values() if counts.total() == RESULTS_PER_PALETTE]
    assert len(complete) == PALETTES
    assert all(len(counts) == 36 and set(counts.values()) == {2} for counts in complete)


def test_results_have_the_size_of_real_ones(export: Path) -> None:
    sizes = [len(line.encode()) for line in lines(export, "palette_tags/documents.jsonl")]
    assert 400 < sum(sizes) / len(sizes) < 800


def test_the_oldest_version_counts_runs_from_one(results: list[Document]) -> None:
    runs = {(d["promptVersion"], "runNumber", d["runNumber"]) for d in results if "runNumber" in d}
    indexes = {(d["promptVersion"], "analysisIndex", d["analysisIndex"]) for d in results if "analysisIndex" in d}
    oldest, newer, newest = "f2eddcc99396", "21ba6a6ae768", "9dd807489671"
    assert runs == {(oldest, "runNumber", 1.0), (oldest, "runNumber", 2.0)}
    assert indexes == {(version, "analysisIndex", index) for version in (newer, newest) for index in (0.0, 1.0)}


def test_some_palettes_were_deleted_and_some_never_exported(export: Path, results: list[Document]) -> None:
    exported = {document["seed"] for document in documents(export, "palettes")}
    missing = Counter(document["seed"] for document in results if document["seed"] not in exported)
    assert sorted(set(missing.values())) == [12, RESULTS_PER_PALETTE]
    assert exported < {document["seed"] for document in results}


def test_prompt_versions_are_of_both_types(export: Path, results: list[Document]) -> None:
    versions = documents(export, "prompt_versions")
    assert {version["type"] for version in versions} == {"tagging", "refinement"}
    tagging = {version["version"] for version in versions if version["type"] == "tagging"}
    assert {document["promptVersion"] for document in results} < tagging


def test_batches_have_every_status(export: Path) -> None:
    statuses = {batch["status"] for batch in documents(export, "tag_batches")}
    assert statuses == {"pending", "processing", "completed", "failed"}


def test_odd_values_are_in_an_unrelated_table(export: Path) -> None:
    text = "\n".join(lines(export, "stats_cache/documents.jsonl"))
    for odd in ("9007199254740993", '{"$float":"AAAAAAAA+H8="}', '{"$bytes":"3q2+7w=="}', "1e16", "-0.0"):
        assert odd in text


def test_models_agree_more_the_better_they_are(clean_export: Path) -> None:
    said = defaultdict(list)
    for document in documents(clean_export, "palette_tags"):
        said[document["seed"]].append((document["model"], document["tags"]["temperature"]))
    right = Counter()
    for answers in said.values():
        winner, votes = Counter(answer for _, answer in answers).most_common(1)[0]
        assert votes / len(answers) > 0.6
        right.update(model for model, answer in answers if answer == winner)
    assert right["claude-3-5-haiku-20241022"] > right["llama-3.1-8b-instant"]


# The mess


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)


def test_both_spellings_of_an_accent_meet_in_one_palette_and_version(results: list[Document]) -> None:
    spellings = defaultdict(set)
    for document in results:
        if isinstance(document.get("tags"), dict):
            for text in strings(document["tags"].get("associations")):
                spellings[document["seed"], document["promptVersion"]].add((document["model"], text))
    assert any(
        {text for _, text in said} >= {"café", "cafe\u0301"} and len({model for model, _ in said}) > 2
        for said in spellings.values()
    )


def _is_well_formed(document: Document) -> bool:
    tags = document.get("tags")
    if not isinstance(tags, dict) or set(tags) != {*CATEGORICAL, *LISTS}:
        return False
    if any(tags[name] not in allowed for name, allowed in CATEGORICAL.items()):
        return False
    return all(
        isinstance(tags[name], list)
        and all(isinstance(tag, str) and tag in allowed for tag in tags[name])
        and TAGS_PER_LIST[name][0] <= len(set(tags[name])) == len(tags[name]) <= TAGS_PER_LIST[name][1]
        for name, allowed in LISTS.items()
    )


def test_about_one_result_in_twenty_is_messy(results: list[Document]) -> None:
    assert 0.03 < sum(not _is_well_formed(document) for document in results) / len(results) < 0.065


def test_a_clean_export_has_no_mess(clean_export: Path) -> None:
    results = documents(clean_export, "palette_tags")
    assert len(results) == PALETTES * RESULTS_PER_PALETTE
    assert all(_is_well_formed(document) and "error" not in document for document in results)
    assert {document["seed"] for document in results} == {d["seed"] for d in documents(clean_export, "palettes")}
    assert all(unicodedata.is_normalized("NFC", line) for line in lines(clean_export, "palette_tags/documents.jsonl"))


# The older format


def test_the_older_format_has_a_shape_and_says_what_it_leaves_open(legacy_export: Path) -> None:
    shape, *overrides = map(json.loads, lines(legacy_export, "stats_cache/generated_schema.jsonl"))
    assert '"value": int64 | string | bytes' in shape
    by_key = {document["key"]: document for document in documents(legacy_export, "stats_cache")}
    assert by_key["counter"]["data"] == by_key["label"]["data"] == {"value": "42"}
    assert {by_key["counter"]["_id"]: {"data": {"value": "int64"}}} in overrides
    assert all(by_key["label"]["_id"] not in override for override in overrides)
    assert by_key["refinement_status"]["data"]["big"] == "9007199254740993"
    assert by_key["refinement_status"]["data"]["nan"] == "NaN"


def test_the_older_format_describes_every_table(legacy_export: Path) -> None:
    for table, number in TABLES.items():
        shape = json.loads(lines(legacy_export, f"{table}/generated_schema.jsonl")[0])
        assert shape == "never" if table == "feature_flags" else f'"_id": id<{number}>' in shape


def test_both_formats_hold_the_same_results(export: Path, legacy_export: Path) -> None:
    entry = "palette_tags/documents.jsonl"
    assert lines(export, entry) == lines(legacy_export, entry)


# The command


def test_the_command_says_what_it_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--palettes", "1", "--out", str(tmp_path / "one.zip")]) == 0
    captured = capsys.readouterr()
    assert "84 results of 1 palettes" in captured.out
    assert captured.err == ""
    assert [path.name for path in tmp_path.iterdir()] == ["one.zip"]


@pytest.mark.parametrize("arguments", [[], ["--palettes", "0", "--out", "x.zip"], ["--palettes", "2"]])
def test_wrong_usage_exits_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        command.main(arguments)
    assert raised.value.code == 2


def test_a_file_that_cannot_be_written_is_one_line_and_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--palettes", "1", "--out", str(tmp_path / "missing" / "x.zip")]) == 1
    assert command.main(["--palettes", "1", "--out", str(tmp_path)]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_an_interruption_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        assert [path.name for path in tmp_path.iterdir()] == ["x.zip.part"]
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "_write", interrupt)
    assert command.main(["--palettes", "1", "--out", str(tmp_path / "x.zip")]) == 130
    assert list(tmp_path.iterdir()) == []
