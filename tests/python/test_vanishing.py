"""The guard on vanishing at landing: no run takes most of its rows from a table, unless somebody says that it may."""

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import Extract, documents, landed, rejected, run_folders, table_entries, write_zip
from live import Live

from common.raw_zone import Source
from extract.landing import LandingZone
from extract.status import status


def many(count: int, first: int = 0) -> bytes:
    return documents(*(f"k{n}" for n in range(first, first + count)))


def current(raw: Path) -> dict[str, int]:
    return status(LandingZone(raw)).current


@pytest.fixture
def held(extract: Extract) -> Extract:
    """A zone with 400 palettes, 20 tags and a table of nothing."""
    extract.load(write_zip(Path("held.zip"), table_entries(palettes=many(400), tags=many(20), empty=b"")))
    return extract


@pytest.mark.parametrize(
    ("table", "content", "numbers"),
    [
        ("palettes", many(200), "400 to 200"),
        ("palettes", b"[]", "400 to 0"),
        ("palettes", many(1) * 400, "400 to 1"),  # the same document again and again
        ("tags", many(1), "20 to 1"),
    ],
)
def test_a_load_that_takes_most_of_a_table_lands_only_if_that_is_allowed(
    held: Extract, table: str, content: bytes, numbers: str
) -> None:
    Path(f"{table}.jsonl").write_bytes(content)
    error = held.fails(f"{table}.jsonl")
    assert f"{table} would shrink from {numbers} rows. Nothing was landed" in error
    assert f"--allow-shrink {table}" in error
    run = held.load(f"{table}.jsonl", "--allow-shrink", table)
    before, after = numbers.split(" to ")
    assert run["notes"] == [f"{table} shrank from {before} to {after} rows, as --allow-shrink allows"]
    assert json.loads((run_folders(held.raw)[-1] / "run.json").read_text())["notes"] == run["notes"]
    assert current(held.raw)[table] == int(after)


@pytest.mark.parametrize(("table", "count"), [("palettes", 267), ("tags", 2), ("empty", 0)])
def test_a_smaller_loss_lands_as_before(held: Extract, table: str, count: int) -> None:
    Path(f"{table}.jsonl").write_bytes(many(count, first=5))
    assert held.load(f"{table}.jsonl")["notes"] == []
    assert current(held.raw)[table] == count


def test_every_table_that_would_shrink_is_named_and_nothing_lands(held: Extract) -> None:
    archive = write_zip(Path("x.zip"), table_entries(palettes=many(3), tags=b"", empty=many(3)))
    error = held.fails(archive)
    assert "palettes would shrink from 400 to 3 rows; tags would shrink from 20 to 0 rows. Nothing was landed" in error
    assert "--allow-shrink palettes --allow-shrink tags" in error
    partly = held.fails(archive, "--allow-shrink", "palettes", "--allow-shrink", "another")
    assert "tags would shrink" in partly
    assert "palettes" not in partly
    assert len(held.load(archive, "--allow-shrink", "palettes", "--allow-shrink", "tags")["notes"]) == 2
    assert current(held.raw) == {"palettes": 3, "tags": 0, "empty": 3}


def test_the_loss_is_that_of_the_state_whatever_the_runs_say(extract: Extract) -> None:
    """A run that holds a document twice has more rows than the table; one that changes some has fewer."""
    Path("t.jsonl").write_bytes(many(300) + many(300))
    extract.load("t.jsonl")
    Path("t.jsonl").write_bytes(many(300))
    assert extract.load("t.jsonl")["notes"] == []
    with LandingZone(extract.raw).new_run(Source("data_sync", ""), None, "incremental"):
        pass  # a run that isn't full, and says nothing of the table
    Path("t.jsonl").write_bytes(many(30))
    assert "t would shrink from 300 to 30 rows" in extract.fails("t.jsonl")


def test_folding_is_no_loss(held: Extract) -> None:
    for count in (398, 397):
        Path("palettes.jsonl").write_bytes(many(count))
        held.load("palettes.jsonl")
    assert held("compact", "--forget-deleted", "--keep", "0s").code == 0
    Path("palettes.jsonl").write_bytes(many(1))
    assert "from 397 to 1 rows" in held.fails("palettes.jsonl")


@pytest.mark.parametrize("content", [None, b"PAR1 but not so"])
def test_a_table_whose_state_cannot_be_read_is_replaced_only_if_that_is_allowed(
    held: Extract, content: bytes | None
) -> None:
    file = run_folders(held.raw)[0] / "palettes.parquet"
    file.unlink() if content is None else file.write_bytes(content)
    Path("palettes.jsonl").write_bytes(many(390))
    held.load("palettes.jsonl")  # what the run says of itself is enough
    file = run_folders(held.raw)[-1] / "palettes.parquet"
    file.unlink() if content is None else file.write_bytes(content)
    Path("palettes.jsonl").write_bytes(many(100))
    error = held.fails("palettes.jsonl")
    assert "palettes" in error
    assert "can't be read" in error
    assert "--allow-shrink palettes" in error
    (note,) = held.load("palettes.jsonl", "--allow-shrink", "palettes")["notes"]
    assert "unseen" in note


def test_an_array_of_the_documents_lands_as_its_lines_did(extract: Extract) -> None:
    """As was reported: an array took the place of the table with one document of its own, or none."""
    Path("palettes.jsonl").write_bytes(documents("k1", "k2"))
    extract.load("palettes.jsonl")
    Path("palettes.jsonl").write_bytes(b'[\n{"_creationTime":1.5,"_id":"k1"},\n{"_creationTime":1.5,"_id":"k2"}\n]\n')
    run = extract.load("palettes.jsonl")
    assert landed(extract.raw, "palettes") == documents("k1", "k2").splitlines()
    assert current(extract.raw) == {"palettes": 2}
    assert (run["rejected"], rejected(extract.raw)) == (0, [])


# From a deployment


def lands(live: Live, *arguments: str) -> dict[str, Any]:
    """Run a command that has to land something; unlike `Live.run`, it allows no table to shrink by itself."""
    result = live.extract(*arguments, "--json")
    assert result.code == 0, result.err
    return json.loads(result.out)


def test_a_snapshot_lands_a_table_that_is_gone_only_if_that_is_allowed(live: Live) -> None:
    live.deployment.insert("palettes", *({"n": n} for n in range(20)))
    live.deployment.insert("palette_tags", {"n": 1})
    lands(live, "snapshot")
    live.deployment.drop_table("palettes")
    assert "palettes would shrink from 20 to 0 rows" in live.fails("snapshot")
    lands(live, "snapshot", "--allow-shrink", "palettes")
    live.check()


@pytest.mark.parametrize(("api", "left"), [("current", 0), ("missing", 1)], ids=["dropped", "imported, older API"])
def test_a_sync_that_would_empty_a_table_waits_with_what_it_fetched(live: Live, api: str, left: int) -> None:
    live.deployment.configure(data_sync=api, page_entries=5, snapshot_page=5)
    live.deployment.insert("palettes", *({"n": n} for n in range(20)))
    live.deployment.insert("palette_tags", {"n": 1})
    lands(live, "sync")
    if left:
        live.deployment.finish_import(live.deployment.start_import({"palettes": [{"n": 1}]}))
    else:
        live.deployment.drop_table("palettes")
    live.deployment.insert("palette_tags", *({"n": n} for n in range(20)))
    for arguments in (["--watch", "1"], []):
        error = live.fails("sync", *arguments)
        assert f"palettes would shrink from 20 to {left} rows. Nothing was landed" in error
    live.deployment.forget_requests()
    run = lands(live, "sync", "--allow-shrink", "palettes")
    assert run["notes"] == [f"palettes shrank from 20 to {left} rows, as --allow-shrink allows"]
    live.check()
    asked = live.requests("/api/v1/data/sync" if api == "current" else "/api/list_snapshot")
    assert all(json.loads(request["body"]).get("cursor") for request in asked)  # nothing was fetched again


def test_documents_that_were_deleted_one_by_one_are_no_loss_to_stop_at(live: Live) -> None:
    ids = live.deployment.insert("palettes", *({"n": n} for n in range(20)))
    lands(live, "sync")
    live.deployment.transaction([["delete", one] for one in ids])
    (table,) = lands(live, "sync")["tables"]
    assert table["deletes"] == 20
    live.check()
