"""Made-up data: a run says that it landed, whatever form it came in, and nothing made of it goes on by itself."""

import json
import shutil
import subprocess
import zipfile
from pathlib import Path

import duckdb
import pytest
from conftest import ROOT, UNIFORM, Extract, documents, run_folders, table_entries, write_directory, write_zip
from released import BUILD, consensus, write_release

from benchmarks.generate import generate
from common.files import fingerprint
from common.manifest import Manifest
from common.raw_zone import RunSummary, Source, SyncState
from extract.archives import open_archive
from extract.landing import LandingZone
from extract.sample import KNOWN, SENTENCE, is_sample
from publish.sample import BUNDLED, holds_sample, main

SINGLE = "palettes/documents.jsonl"


@pytest.fixture
def generated(tmp_path: Path) -> Path:
    path = tmp_path / "small.zip"
    generate(path, palettes=1, seed=7)
    return path


def recognised(path: Path, table: str | None = None) -> bool:
    with open_archive(path, table) as archive:
        return is_sample(archive)


def unpacked(path: Path, directory: Path) -> Path:
    with zipfile.ZipFile(path) as archive:
        archive.extractall(directory)
    return directory


def rebuilt(path: Path, to: Path, left_out: str = "") -> Path:
    """A ZIP of what another one holds, as other tools make it."""
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as out:
        for name in archive.namelist():
            if name != left_out:
                out.writestr(name, archive.read(name))
    return to


def test_generated_data_is_recognised_in_every_form_that_has_its_readme_beside_it(
    generated: Path, tmp_path: Path
) -> None:
    directory = unpacked(generated, tmp_path / "in a folder" / "unpacked")
    assert recognised(generated)
    assert recognised(generated.rename(tmp_path / "snapshot_happy-otter-123_1763895302000000000.zip"))
    assert recognised(rebuilt(tmp_path / "snapshot_happy-otter-123_1763895302000000000.zip", tmp_path / "rebuilt.zip"))
    assert recognised(directory)
    assert recognised(directory / SINGLE, "palettes")
    shutil.copy(directory / SINGLE, directory / "palettes.jsonl")
    assert recognised(directory / "palettes.jsonl")


@pytest.mark.parametrize("name", ["x/README.md", "x/y/README.md", "./README.md", "x\\README.md"])
def test_a_folder_around_everything_hides_nothing(tmp_path: Path, name: str) -> None:
    assert recognised(write_zip(tmp_path / "x.zip", table_entries() | {name: SENTENCE, SINGLE: b""}))
    if "\\" not in name:
        assert recognised(write_directory(tmp_path / "unpacked", {name: SENTENCE, SINGLE: b""}))


def test_what_is_away_from_its_readme_is_not_recognised_when_it_lands(generated: Path, tmp_path: Path) -> None:
    alone = tmp_path / "elsewhere" / "further" / "palettes.jsonl"
    alone.parent.mkdir(parents=True)
    shutil.copy(unpacked(generated, tmp_path / "unpacked") / SINGLE, alone)
    assert not recognised(alone)
    assert not recognised(rebuilt(generated, tmp_path / "rebuilt.zip", left_out="README.md"))


@pytest.mark.parametrize("readme", [b"# Welcome to your Convex snapshot export!\n", b"", b"\xff" * 9])
def test_other_exports_are_no_sample(tmp_path: Path, readme: bytes) -> None:
    assert not recognised(write_zip(tmp_path / "x.zip", table_entries(palettes=documents("a")) | {"README.md": readme}))


def test_a_sample_of_before_is_known_by_its_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_zip(tmp_path / "x.zip", {SINGLE: documents("a"), "palettes/generated_schema.jsonl": UNIFORM})
    size, sha256 = fingerprint(path)
    assert not recognised(path)
    monkeypatch.setitem(KNOWN, size, {"another"})
    assert not recognised(path)
    monkeypatch.setitem(KNOWN, size, {sha256})
    assert recognised(path)


def test_the_bundled_sample_is_among_the_known_ones() -> None:
    size, sha256 = fingerprint(BUNDLED)
    assert sha256 in KNOWN[size]


def test_the_marker_lands_and_folding_keeps_it(extract: Extract, generated: Path, tmp_path: Path) -> None:
    assert extract.load(generated)["source"]["sample"] is True
    other = write_zip(tmp_path / "x.zip", table_entries(palettes=documents("a")))
    landed = extract.load(other)
    assert "sample" not in landed["source"]
    assert [note[:44] for note in landed["notes"]] == ["made-up data and other data come together in"]
    for _ in range(2):
        compacted = json.loads(extract("compact", "--json", "--keep", "0s").out)
        assert compacted["source"]["sample"] is True
        assert [folder.name for folder in run_folders(extract.raw)] == [compacted["run_id"]]
        extract.load(other)
    assert [run.is_sample for run in LandingZone(extract.raw).active_runs()] == [True, False]


ORIGINS = [
    (Source("data_sync", "happy-otter-123.convex.cloud"), "happy-otter-123"),
    (Source("snapshot", "Happy-Otter-123.eu-west-1.convex.cloud"), "happy-otter-123"),
    (Source("streaming_export", "127.0.0.1:3210"), "127.0.0.1:3210"),
    (Source("zip", "snapshot_happy-otter-123_1763895302000000000 (1).zip"), "happy-otter-123"),
    (Source("zip", "export.zip"), "file"),
    (Source("jsonl", "127.0.0.1:3210"), "file"),
    (Source("compact", "2 runs", origin="happy-otter-123"), "happy-otter-123"),
    (Source("compact", "2 runs"), "backend.example:3210"),  # as runs were compacted before
]


@pytest.mark.parametrize(("source", "origin"), ORIGINS)
def test_a_run_tells_which_deployment_its_data_is_from(source: Source, origin: str) -> None:
    sync = SyncState("https://Backend.example:3210", "data_sync", "", 0, {}, [], [])
    assert RunSummary("r", "full", "", source, None, sync=sync).origin == origin


# make build


@pytest.fixture
def places(tmp_path: Path, no_settings: None, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A raw zone and a folder of releases, neither of which is there yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RAW_DIR", "raw")
    monkeypatch.setenv("PUBLISH_DIR", "published")
    return tmp_path / "raw", tmp_path / "published"


def change_manifest(published: Path, **fields: object) -> None:
    path = published / BUILD / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def test_the_sample_lands_where_nothing_else_was_published(
    places: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main() == 0
    write_release(places[1], consensus(3))
    change_manifest(places[1], is_sample=True)
    assert main() == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("fields", "whose"),
    [
        ({"origin": "happy-otter-123"}, "data of happy-otter-123"),
        ({}, "a deployment's data"),
        ({"counts": 7}, "something else"),
        ({"files": 7}, "something else"),
    ],
)
def test_the_sample_does_not_land_where_other_data_was_published(
    places: tuple[Path, Path], capsys: pytest.CaptureFixture[str], fields: dict[str, object], whose: str
) -> None:
    write_release(places[1], consensus(3))
    change_manifest(places[1], **fields)
    assert main() == 1
    assert capsys.readouterr() == (
        "",
        f"publish: the sample isn't landed: raw holds no run, though published has a release of {whose} ({BUILD}). "
        "Land your data (python -m extract load PATH, or sync), set RAW_DIR to where it is, or set PUBLISH_DIR to a "
        "new folder\n",
    )


def test_a_raw_zone_of_made_up_data_is_not_built_where_other_data_was_published(
    places: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """As where `RAW_DIR` was forgotten, and the default's raw zone is from the first `make build`."""
    sample = Source("zip", "convex-export.zip", sample=True)
    with LandingZone(places[0]).new_run(sample, None):
        pass
    assert main() == 0
    write_release(places[1], consensus(3))
    assert main() == 1
    assert capsys.readouterr().err.startswith("publish: made-up data isn't built: raw holds nothing else, though ")
    change_manifest(places[1], is_sample=True)
    assert main() == 0
    change_manifest(places[1], files=7)  # so it can't be read, and is to be published again
    assert main() == 0


def test_what_has_landed_is_left_to_itself(places: tuple[Path, Path]) -> None:
    write_release(places[1], consensus(3))
    for sample in (False, True):
        with LandingZone(places[0]).new_run(Source("zip", "x.zip", sample=sample), None):
            pass
        assert main() == 0


@pytest.mark.parametrize("target", ["build", "diff", "docs"])
def test_make_asks_before_it_lands_the_sample(target: str) -> None:
    planned = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    asked, landed = planned.index("-m publish.sample"), planned.index("load --if-empty sample/convex-export.zip")
    assert asked < landed
    assert planned.count("load --if-empty") == 1


# Releases


def test_a_release_from_before_is_recognised(tmp_path: Path) -> None:
    path = write_release(tmp_path, consensus(3))
    run = {"run_id": "r", "kind": "full", "snapshot_ts": None, "source_type": "zip", "source_name": "convex-export.zip"}
    content = json.loads((path / "manifest.json").read_text())
    for name in ("is_sample", "origin", "deletes", "shrunk"):
        del content[name]
    for results, runs, expected in ((1812, [run], True), (1813, [run], False), (1812, [], False)):
        told = content | {"source_runs": runs, "counts": {"results": results}}
        (path / "manifest.json").write_text(json.dumps(told))
        assert Manifest.read(path).is_sample is expected


@pytest.mark.parametrize("table", ["palettes", "palette_tags", None])
def test_any_document_of_the_bundled_sample_is_recognised_among_others(tmp_path: Path, table: str | None) -> None:
    ids = {"palettes": ["a"], "palette_tags": ["b"]}
    if table:
        with zipfile.ZipFile(BUNDLED) as archive:
            ids[table].append(json.loads(archive.read(f"{table}/documents.jsonl").splitlines()[-1])["_id"])
    with duckdb.connect(str(tmp_path / "x.duckdb")) as connection:
        connection.execute(
            "create table palettes as select unnest($palettes) as palette_id", {"palettes": ids["palettes"]}
        )
        connection.execute("create table answers as select unnest($ids) as answer_id", {"ids": ids["palette_tags"]})
    assert holds_sample(tmp_path / "x.duckdb") is bool(table)
