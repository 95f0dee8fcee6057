"""`extract compact`: one run that says what all of them said."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from conftest import Extract, documents, rejected, run_folders, table_entries, tree, write_zip
from live import Live
from raw_zone_reader import Reader
from warehouse import WITHOUT_TESTS, Warehouse


def load(extract: Extract, tmp_path: Path, **tables: bytes) -> None:
    extract.load(write_zip(tmp_path / "x.zip", table_entries(**tables)))


def compact(extract: Extract, *arguments: str) -> dict[str, Any]:
    result = extract("compact", "--json", *arguments)
    assert (result.code, result.err) == (0, "")
    return json.loads(result.out)


def rows(raw: Path, table: str) -> list[tuple[str, str | None]]:
    found = pq.read_table(run_folders(raw)[-1] / f"{table}.parquet", partitioning=None).to_pylist()
    assert [row["_seq"] for row in found] == sorted(row["_seq"] for row in found)
    return [(row["_op"], row["_id"]) for row in found]


def test_the_state_stays_and_each_document_is_there_once(live: Live) -> None:
    ids = live.deployment.insert("palettes", *({"n": n, "t": "凉\x00"} for n in range(9)))
    live.sync()
    for n in range(3):
        live.deployment.transaction([["replace", ids[n], {"n": -n}], ["delete", ids[8 - n]]])
        live.sync()
    before = live.visible()
    run = compact(live.extract)
    assert live.visible() == before
    assert (run["kind"], run["source"]["name"]) == ("full", "4 runs")
    operations = rows(live.raw, "palettes")
    assert [kind for kind, _ in operations] == ["truncate", *["upsert"] * 9, *["delete"] * 3]
    assert {document_id for kind, document_id in operations if kind == "delete"} == {*ids[6:]}


def test_a_sync_goes_on_after_it(live: Live) -> None:
    live.deployment.insert("palettes", {"n": 1})
    live.sync()
    live.deployment.insert("palettes", {"n": 2})
    run = live.sync()
    compacted = compact(live.extract, "--keep", "0s")
    assert (compacted["cursor"], compacted["snapshot_ts"]) == (run["cursor"], run["snapshot_ts"])
    assert {name: compacted["sync"][name] for name in ("journal", "page")} == {
        name: run["sync"][name] for name in ("journal", "page")
    }
    live.rests()
    live.deployment.insert("palettes", {"n": 3})
    assert live.sync()["kind"] == "incremental"


def test_folded_runs_stay_until_every_build_has_moved_on(extract: Extract, tmp_path: Path) -> None:
    load(extract, tmp_path, palettes=documents("a"))
    load(extract, tmp_path, palettes=documents("b"))
    compact(extract)
    assert len(run_folders(extract.raw)) == 3
    load(extract, tmp_path, palettes=documents("c"))
    compact(extract, "--keep", "1h")
    assert len(run_folders(extract.raw)) == 5
    compact(extract, "--keep", "0s")
    assert len(run_folders(extract.raw)) == 1
    assert Reader(extract.raw).state()["palettes"].keys() == {"c"}


def test_one_run_is_left_as_it_is(extract: Extract, tmp_path: Path) -> None:
    assert compact(extract) == {"run_id": None}
    load(extract, tmp_path, palettes=documents("a"))
    before = tree(extract.raw)
    assert compact(extract, "--keep", "0s") == {"run_id": None}
    assert tree(extract.raw) == before


@pytest.mark.parametrize("forget", [False, True])
def test_the_last_text_of_what_is_gone_stays_unless_it_is_to_go(extract: Extract, tmp_path: Path, forget: bool) -> None:
    load(extract, tmp_path, palettes=documents("a", "b"))
    load(extract, tmp_path, palettes=documents("b"))
    compact(extract, "--keep", "0s", *(["--forget-deleted"] if forget else []))
    kept = [("upsert", "a"), ("upsert", "b"), ("delete", "a")]
    assert sorted(rows(extract.raw, "palettes")[1:]) == sorted([("upsert", "b")] if forget else kept)
    assert Reader(extract.raw).state()["palettes"].keys() == {"b"}


def test_what_was_set_aside_stays(extract: Extract, tmp_path: Path) -> None:
    load(extract, tmp_path, palettes=documents("a") + b"bad\n")
    load(extract, tmp_path, palettes=documents("a"), tags=documents("t", "u") + b"worse\nworst\n")
    folders = run_folders(extract.raw)
    lines = [
        row for folder in folders for row in pq.read_table(folder / "_rejected.parquet", partitioning=None).to_pylist()
    ]
    run = compact(extract, "--keep", "0s")
    assert rejected(extract.raw) == lines
    assert run["rejected"] == 3


def test_a_build_sees_the_same_before_and_after(live: Live, tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    warehouse.raw_dir = live.raw
    ids = live.deployment.insert("palettes", *({"seed": f"s{n}", "imageUrl": "x"} for n in range(4)))
    live.deployment.insert("palette_tags", {"seed": "s1", "promptVersion": "v1", "analysis": {"mood": ["calm"]}})
    live.sync()
    live.deployment.transaction([["delete", ids[0]], ["replace", ids[1], {"seed": "s1", "imageUrl": "new"}]])
    live.sync()
    query = "select palette_seed, image_url, is_deleted, has_document from palettes order by all"
    warehouse.run("build", "--select", "+palettes", *WITHOUT_TESTS)
    before = warehouse.rows(query)
    assert ("s0", "x", True, False) in before or ("s0", "x", True, True) in before
    assert len(before) == 4
    compact(live.extract, "--keep", "0s")
    warehouse.run("run", "--select", "+palettes")
    assert warehouse.rows(query) == before


def test_a_file_that_cannot_be_read_is_one_clear_error(extract: Extract, tmp_path: Path) -> None:
    load(extract, tmp_path, palettes=documents("a"))
    load(extract, tmp_path, palettes=documents("b"))
    (run_folders(extract.raw)[0] / "palettes.parquet").write_bytes(b"PAR1")
    before = tree(extract.raw)
    result = extract("compact")
    assert result.code == 1
    assert "The raw zone stays as it was" in result.err
    assert {name: text for name, text in tree(extract.raw).items() if name != ".lock"} == {
        name: text for name, text in before.items() if name != ".lock"
    }
