"""`publish push`: what lands on the deployment, what is refused, and what a lost answer or a lying server leads to."""

import itertools
import json
import os
import pty
import random
import re
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import released
from conftest import PATIENCE_SECONDS, ROOT, Result
from convex_deployment import faults
from convex_deployment.control import Deployment
from released import AFTER, BUILD, NEWER, OLDER, consensus, entries, write_manifest, write_release

from convex.client import Client
from convex.deployment import Deployment as Address
from publish.cli import main
from publish.convex import OPTIONAL_FIELDS

ENDPOINTS = {
    "tables": "/api/query",
    "start_upload": "/api/import/start_upload",
    "upload_part": "/api/import/upload_part",
    "finish_upload": "/api/import/finish_upload",
    "perform_import": "/api/perform_import",
}
PERMISSIONS = ("deployment:backups:import", "deployment:backups:view", "deployment:data:view")
OTHERS = {"palettes": [{"seed": "a"}, {"seed": "b"}], "palette_tags": [{"seed": "a", "tags": {"mood": ["凉"]}}]}


@dataclass
class Pusher:
    """A deployment with tables of the app, a folder of releases, and the command line between them."""

    deployment: Deployment
    folder: Path
    capsys: pytest.CaptureFixture[str]
    keys: list[str] = field(default_factory=list)

    def __call__(self, *arguments: str | Path) -> Result:
        try:
            code = main(["push", *map(str, arguments)])
        except SystemExit as stop:  # argparse's way
            code = int(str(stop.code))
        result = Result(code, *self.capsys.readouterr())
        for key in (self.deployment.key, *self.keys):
            assert key.rpartition("|")[2] not in result.out + result.err
        return result

    def succeeds(self, *arguments: str | Path) -> dict[str, Any]:
        """Push, and return what `--json` says."""
        result = self(*arguments, "--json")
        assert result.code == 0, result.err
        return json.loads(result.out)

    def fails(self, *arguments: str | Path) -> str:
        """Push in vain: one clear line, which is returned; all tables are as they were, and nothing waits."""
        before = self.deployment.state()
        result = self(*arguments)
        assert (result.code, result.out) == (1, "")
        last = result.err.splitlines()[-1]
        assert last.startswith("publish: ")
        assert "Traceback" not in result.err
        assert self.deployment.state() == before
        assert self.waiting() == []
        return last

    def write(self, count: int, build_id: str = BUILD, **more: Any) -> list[dict[str, Any]]:
        """Publish a release, and return its rows. `more` are further fields of its row of analytics_runs."""
        rows = consensus(count)
        write_release(self.folder, rows, build_id, **more)
        return rows

    def holds(self, rows: list[dict[str, Any]], build_id: str = BUILD, **more: Any) -> None:
        """Check that our tables hold just this, byte by byte, and that the others are as the app left them."""
        assert self.documents("palette_tag_consensus") == sorted(map(text, rows))
        assert self.documents("analytics_runs") == [text(released.run(build_id, len(rows), **more))]
        for table, those in OTHERS.items():
            assert self.documents(table) == sorted(map(text, those))

    def documents(self, table: str, at: int | None = None) -> list[str]:
        """The documents of a table without what Convex adds, in the order of their text."""
        state = self.deployment.state() if at is None else self.deployment.state_at(at)
        return sorted(text(without_ids(json.loads(document))) for document in state.get(table, {}).values())

    def imports(self) -> list[dict[str, Any]]:
        """What the deployment has of imports, the newest first."""
        body = {"path": "_system/cli/queryImport:list", "args": {}, "format": "json"}
        headers = {"Authorization": f"Convex {self.deployment.key}"}
        return self._post("/api/query", body, headers)["value"]

    def waiting(self) -> list[str]:
        """The imports that could still be confirmed or take place, apart from those that a test began."""
        return [job["_id"] for job in self.imports() if job["state"]["state"] not in ("completed", "failed")]

    def requests(self, path: str) -> list[dict[str, Any]]:
        """The requests for a path."""
        return [request for request in self.deployment.requests() if request["path"] == path]

    def _post(self, path: str, body: dict[str, Any], headers: dict[str, str]) -> Any:
        return httpx.post(self.deployment.url + path, json=body, headers=headers, trust_env=False).json()


def text(value: Any) -> str:
    """A value as the publisher writes it, but for the order of its keys."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def without_ids(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in ("_id", "_creationTime")}


@pytest.fixture(scope="module")
def running() -> Generator[Deployment]:
    """A deployment for one test after the other: to start one takes longer than most of them."""
    with Deployment.start() as deployment:
        yield deployment


@pytest.fixture
def pusher(
    running: Deployment,
    tmp_path: Path,
    no_settings: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Pusher:
    running.restart()
    for table, rows in OTHERS.items():
        running.insert(table, *rows)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONVEX_URL", running.url)
    monkeypatch.setenv("CONVEX_PUBLISH_KEY", running.key)
    monkeypatch.setenv("PUBLISH_DIR", "published")
    return Pusher(running, tmp_path / "published", capsys)


# What lands


def test_what_lands_is_what_was_published_and_nothing_else_changes(pusher: Pusher) -> None:
    rows = pusher.write(12)
    done = pusher.succeeds()
    pusher.holds(rows)
    assert done == {
        "outcome": "pushed",
        "build_id": BUILD,
        "deployment": pusher.deployment.url.removeprefix("http://"),
        "replaced_build_id": None,
        "tables": [
            {"name": "palette_tag_consensus", "rows": 12, "replaced_rows": 0},
            {"name": "analytics_runs", "rows": 1, "replaced_rows": 0},
        ],
        "npx": f"npx convex import --replace published/{BUILD}/convex/import.zip",
    }


def test_a_later_build_replaces_an_earlier_one(pusher: Pusher) -> None:
    pusher.write(12)
    pusher.succeeds()
    rows = pusher.write(7, NEWER)
    done = pusher.succeeds()
    pusher.holds(rows, NEWER)
    assert done["replaced_build_id"] == BUILD
    assert [table["replaced_rows"] for table in done["tables"]] == [12, 1]


def test_numbers_stay_floats(pusher: Pusher) -> None:
    pusher.write(1)
    pusher.succeeds()
    (document,) = pusher.deployment.state()["palette_tag_consensus"].values()
    assert '"totalModels":24.0' in document
    assert '"value":5.0' in document


def test_an_empty_consensus_can_be_pushed(pusher: Pusher) -> None:
    pusher.write(3)
    pusher.succeeds()
    pusher.write(0, NEWER)
    pusher.succeeds("--allow-shrink", "palette_tag_consensus")
    pusher.holds([], NEWER)


def test_a_large_release_goes_up_in_parts(pusher: Pusher) -> None:
    noise = random.Random(1)
    rows = [{"seed": f"{n}", "noise": noise.randbytes(300_000).hex()} for n in range(20)]
    write_release(pusher.folder, rows, files=entries(BUILD, rows))
    pusher.succeeds()
    pusher.holds(rows)
    sizes = [request["bytes"] for request in pusher.requests(ENDPOINTS["upload_part"])]
    size = (pusher.folder / "current/convex/import.zip").stat().st_size
    assert sizes == [5 << 20, 5 << 20, size - (10 << 20)]
    assert [r["query"]["partNumber"] for r in pusher.requests(ENDPOINTS["upload_part"])] == ["1", "2", "3"]


def test_a_huge_release_has_fewer_than_10000_parts(pusher: Pusher, monkeypatch: pytest.MonkeyPatch) -> None:
    pusher.write(2)
    monkeypatch.setattr("publish.push.PART_BYTES", 1)
    monkeypatch.setattr("publish.push.MOST_PARTS", 7)
    assert "less than 5 MiB" in pusher.fails()
    assert len(pusher.requests(ENDPOINTS["upload_part"])) == 7


def test_the_request_says_replace(pusher: Pusher) -> None:
    pusher.write(1)
    pusher.succeeds()
    (finish,) = pusher.requests(ENDPOINTS["finish_upload"])
    assert json.loads(finish["body"])["import"] == {"mode": "replace", "format": "zip"}


def test_readers_see_the_old_or_the_new_and_never_a_mixture(pusher: Pusher) -> None:
    pusher.write(40)
    pusher.succeeds()
    before = time.time_ns()
    old = [pusher.documents(table) for table in ("palette_tag_consensus", "analytics_runs")]
    pusher.write(55, NEWER)
    pusher.deployment.configure(import_seconds=3600)
    seen = []
    thread = threading.Thread(target=pusher.succeeds)
    thread.start()
    while thread.is_alive():
        state = pusher.deployment.state()
        seen.append([len(state[table]) for table in ("palette_tag_consensus", "analytics_runs")])
        if len(seen) == 11:
            pusher.deployment.configure(import_looks=5)  # from here on it goes on
    thread.join()
    new = [pusher.documents(table) for table in ("palette_tag_consensus", "analytics_runs")]
    assert {tuple(counts) for counts in seen} <= {(40, 1), (55, 1)}
    assert seen.count([40, 1]) > 10
    # Every moment of it, as the deployment's history has it.
    after = time.time_ns()
    moments = [before + (after - before) * n // 200 for n in range(201)]
    states = [
        [pusher.documents(table, moment) for table in ("palette_tag_consensus", "analytics_runs")] for moment in moments
    ]
    assert all(state in (old, new) for state in states)
    assert states[0] == old
    assert states[-1] == new


# Again


def test_what_is_there_already_is_not_pushed_again(pusher: Pusher) -> None:
    rows = pusher.write(5)
    pusher.succeeds()
    pusher.deployment.forget_requests()
    assert pusher.succeeds()["outcome"] == "unchanged"
    pusher.holds(rows)
    assert {request["path"] for request in pusher.deployment.requests()} == {"/api/query"}


def test_pushing_again_with_overwrite_ends_in_the_same(pusher: Pusher) -> None:
    rows = pusher.write(5)
    pusher.succeeds()
    assert pusher.succeeds("--overwrite")["outcome"] == "pushed"
    pusher.holds(rows)


def test_a_build_that_lost_rows_is_pushed_again_with_overwrite(pusher: Pusher) -> None:
    rows = pusher.write(5)
    pusher.succeeds()
    lost = next(iter(pusher.deployment.state()["palette_tag_consensus"]))
    pusher.deployment.transaction([["delete", lost]])
    assert (
        "it would delete 4 rows of palette_tag_consensus, where the last push that is known wrote 5" in pusher.fails()
    )
    pusher.succeeds("--overwrite")
    pusher.holds(rows)


def test_an_older_build_wants_overwrite(pusher: Pusher) -> None:
    old = pusher.write(3, OLDER)
    pusher.write(4, NEWER)
    pusher.succeeds()
    assert f"has build {NEWER}, which is newer than {OLDER}" in pusher.fails(OLDER)
    pusher.succeeds(OLDER, "--overwrite")
    pusher.holds(old, OLDER)


# --dry-run


def test_a_dry_run_says_what_would_be_replaced_and_replaces_nothing(pusher: Pusher) -> None:
    rows = pusher.write(5)
    pusher.succeeds()
    pusher.write(9, NEWER)
    result = pusher("--dry-run")
    assert result.code == 0
    assert f"dry run: build {NEWER} can be pushed" in result.out
    assert "palette_tag_consensus    rows to write:         9   to delete:         5" in result.out
    assert f"build there before: {BUILD}" in result.out
    pusher.holds(rows)
    assert pusher.waiting() == []
    assert len(pusher.requests("/api/cancel_import")) == 1
    assert len(pusher.requests(ENDPOINTS["perform_import"])) == 1  # of the first push


def test_a_dry_run_fails_as_a_push_would(pusher: Pusher) -> None:
    pusher.deployment.insert("palette_tag_consensus", {"seed": "by hand"})
    pusher.write(5)
    assert "it would delete 1 rows" in pusher.fails("--dry-run")


# What is refused before anything is sent


def other_bytes(path: Path) -> None:
    with (path / "convex/import.zip").open("ab") as file:
        file.write(b"\0")


def other_table(path: Path) -> None:
    rewrite(path, entries(BUILD, consensus(2)) | {"palettes/documents.jsonl": b""})


def all_tables(path: Path) -> None:
    rewrite(path, entries(BUILD, consensus(2)) | {"_tables/documents.jsonl": b'{"name":"users","id":10001}\n'})


def component(path: Path) -> None:
    files = {f"_components/shop/{name}": content for name, content in entries(BUILD, consensus(2)).items()}
    rewrite(path, files)


def one_table(path: Path) -> None:
    rewrite(path, {k: v for k, v in entries(BUILD, consensus(2)).items() if not k.startswith("analytics")})


def not_uniform(path: Path) -> None:
    rewrite(path, entries(BUILD, consensus(2)) | {"analytics_runs/generated_schema.jsonl": b'"any"\n'})


def other_build(path: Path) -> None:
    rewrite(path, entries(NEWER, consensus(2)))


def fewer_rows(path: Path) -> None:
    rewrite(path, entries(BUILD, consensus(1)))


def no_zip(path: Path) -> None:
    (path / "convex/import.zip").write_bytes(b"PK no archive")
    rewrite(path, None)


def no_manifest(path: Path) -> None:
    (path / "manifest.json").unlink()


def broken_manifest(path: Path) -> None:
    (path / "manifest.json").write_text('{"build_id": 1}')


def no_archive(path: Path) -> None:
    (path / "convex/import.zip").unlink()


def rewrite(path: Path, files: dict[str, bytes] | None) -> None:
    """Give the release another archive, which its manifest describes."""
    archive, jsonl = path / "convex/import.zip", path / "convex/palette_tag_consensus.jsonl"
    if files is not None:
        with zipfile.ZipFile(archive, "w") as out:
            for name, content in files.items():
                out.writestr(name, content)
    write_manifest(path, BUILD, {archive: 3, jsonl: 2})


@pytest.mark.parametrize(
    ("damage", "part"),
    [
        (other_bytes, "isn't the file that manifest.json describes"),
        (other_table, "and nothing else, not palettes/documents.jsonl"),
        (all_tables, "and nothing else, not _tables/documents.jsonl"),
        (component, "and nothing else, not _components/shop/"),
        (one_table, "and nothing else, not analytics_runs/documents.jsonl"),
        (not_uniform, "isn't in the uniform format"),
        (other_build, f"doesn't tell of build {BUILD}"),
        (fewer_rows, "hasn't as many rows of palette_tag_consensus as manifest.json says"),
        (no_zip, "is damaged"),
        (no_manifest, "manifest.json can't be read"),
        (broken_manifest, "can't be read"),
        (no_archive, "import.zip can't be read (No such file or directory)"),
    ],
)
def test_a_release_that_is_not_what_it_should_be_is_not_sent(
    pusher: Pusher, damage: Callable[[Path], None], part: str
) -> None:
    pusher.write(2)
    damage(pusher.folder / BUILD)
    assert part in pusher.fails()
    assert [request for request in pusher.deployment.requests() if "queryImport" not in request["body"]] == []


def test_no_release_is_one_clear_error(pusher: Pusher) -> None:
    assert "holds no release yet: run make build" in pusher.fails()
    assert "there is no release 2026" in pusher.fails("2026")


def test_a_release_that_is_retired_meanwhile_is_pushed_whole(pusher: Pusher) -> None:
    rows = pusher.write(30)
    pusher.deployment.configure(faults={"kinds": ["503"], "paths": [ENDPOINTS["start_upload"]]})

    def retire() -> None:
        pusher.write(4, NEWER)
        (pusher.folder / BUILD / "convex/import.zip").unlink()
        pusher.deployment.configure(faults={})

    with pusher.deployment.when_asked(ENDPOINTS["start_upload"], retire):
        pusher.succeeds()
    pusher.holds(rows)


# What is refused though the release is whole: made-up data, old data, data of another origin, and too little of it


NOBODYS = "build {} is made of the sample or of other generated data, which is made up and never pushed"
ALL_FLAGS = ("--overwrite", "--allow-shrink", "palette_tag_consensus")


@pytest.mark.parametrize("name", ["happy-otter-123", "", "palette-analytics-test-2"])
def test_what_is_made_up_is_pushed_to_the_test_deployment_alone(pusher: Pusher, name: str) -> None:
    rows = pusher.write(5, isSample=True)
    pusher.deployment.configure(instance_name=name)
    for flags in ((), ALL_FLAGS, ("--dry-run",)):
        assert NOBODYS.format(BUILD) in pusher.fails(*flags)
    assert {request["path"] for request in pusher.deployment.requests()} == {"/instance_name", "/api/query"}
    pusher.deployment.configure(instance_name="palette-analytics-test")
    pusher.succeeds()
    pusher.holds(rows, isSample=True)


def test_a_deployment_that_does_not_tell_its_name_gets_nothing_made_up(pusher: Pusher) -> None:
    pusher.write(5, isSample=True)
    for kind in ("proxy_403", "proxy_404", "sign_in", "503"):
        pusher.deployment.configure(faults={"kinds": [kind], "paths": ["/instance_name"]})
        assert NOBODYS.format(BUILD) in pusher.fails("--retry-for", "0.1s")
    assert pusher.requests(ENDPOINTS["start_upload"]) == []


def test_a_consensus_that_lost_most_of_its_rows_is_stopped(pusher: Pusher) -> None:
    rows = pusher.write(12, origin="a", deletedResults=3.0)
    pusher.succeeds()
    for more in ({}, {"origin": "a", "deletedResults": 4.0}, {"origin": "a"}):
        pusher.write(1, NEWER, **more)
        for flags in ((), ("--overwrite",), ("--dry-run",)):
            assert pusher.fails(*flags) == (
                f"publish: palette_tag_consensus would shrink from 12 to 1 rows on {pusher.deployment.url}, and no "
                "deletions explain it. Nothing was replaced; if the loss is meant, push with --allow-shrink "
                "palette_tag_consensus"
            )
    assert len(pusher.requests(ENDPOINTS["start_upload"])) == 1
    pusher.holds(rows, origin="a", deletedResults=3.0)
    rows = pusher.write(1, NEWER)
    pusher.succeeds("--allow-shrink", "palette_tag_consensus")
    pusher.holds(rows, NEWER)


def test_a_consensus_that_lost_what_was_deleted_is_pushed_and_that_is_told(pusher: Pusher) -> None:
    pusher.write(12, origin="a", deletedResults=3.0)
    pusher.succeeds()
    rows = pusher.write(1, NEWER, origin="a", deletedResults=14.0)
    result = pusher()
    assert result.code == 0
    assert result.err == (
        "publish: palette_tag_consensus shrinks from 12 to 1 rows: as many answers were deleted since\n"
    )
    pusher.holds(rows, NEWER, origin="a", deletedResults=14.0)


OLD, NEW = 1763895302000.0, 1763895402000.0


@pytest.mark.parametrize(
    ("there", "ours", "said"),
    [
        ({"snapshotTs": NEW}, {"snapshotTs": OLD}, "has results of data of 2025-11-23 10:56:42 UTC, and the data of"),
        ({"origin": "happy-otter-123"}, {"origin": "file"}, "has results of data from happy-otter-123, and"),
        ({"origin": "file"}, {"origin": "happy-otter-123"}, "has results of data from file, and"),
        ({"origin": "\x1b[2J"}, {"origin": "file"}, "has results of data from \\x1b[2J, and"),
    ],
)
def test_older_data_or_data_of_another_origin_wants_overwrite(
    pusher: Pusher, there: dict[str, Any], ours: dict[str, Any], said: str
) -> None:
    pusher.write(5, **there)
    pusher.succeeds()
    rows = pusher.write(6, NEWER, **ours)
    assert said in pusher.fails()
    assert len(pusher.requests(ENDPOINTS["start_upload"])) == 1
    pusher.succeeds("--overwrite")
    pusher.holds(rows, NEWER, **ours)


@pytest.mark.parametrize(
    "there",
    [
        {},
        {"snapshotTs": None, "origin": None, "deletedResults": None},
        {"snapshotTs": 1e300, "origin": 7.0, "deletedResults": "many"},
    ],
)
def test_what_the_last_push_did_not_tell_hinders_nobody(pusher: Pusher, there: dict[str, Any]) -> None:
    more: dict[str, Any] = {"origin": "happy-otter-123", "deletedResults": 3.0}
    pusher.write(5, **there)
    pusher.succeeds()
    rows = pusher.write(6, NEWER, **more)
    if there.get("snapshotTs"):
        assert "has results of data of an unknown time" in pusher.fails()
        pusher.succeeds("--overwrite")
    else:
        pusher.succeeds()
    pusher.holds(rows, NEWER, **more)


def test_max_age_refuses_what_is_older_or_of_unknown_age(pusher: Pusher) -> None:
    pusher.write(5)
    said = pusher.fails("--max-age", "26h", *ALL_FLAGS)
    assert f"the newest data of {BUILD} is of 2025-11-23 10:55:02 UTC, which is older than --max-age allows" in said
    pusher.write(5, snapshotTs=None)
    assert f"it isn't known how old the data of {BUILD} is" in pusher.fails("--max-age", "26h")
    assert pusher.requests("/api/query") == [r for r in pusher.requests("/api/query") if "queryImport" in r["body"]]
    pusher.write(5, snapshotTs=time.time() * 1000 - 3600e3)
    assert pusher.succeeds("--max-age", "26h")["outcome"] == "pushed"


# What is refused by what the deployment says


def test_a_schema_that_knows_a_field_not_yet_is_told_by_the_line_to_add(pusher: Pusher) -> None:
    pusher.write(5, origin="a", deletedResults=0.0)
    error = "Object contains extra field `{}` that is not in the validator."
    pusher.deployment.configure(import_outcome="failed", import_error=error.format("origin"))
    assert (
        "Add to analytics_runs in your schema.ts, and deploy it: origin: v.optional(v.string()), "
        "deletedResults: v.optional(v.number()),. Nothing was replaced" in pusher.fails()
    )
    pusher.deployment.configure(import_error=error.format("palettes"))
    assert "schema.ts" not in pusher.fails()


def test_the_lines_to_add_are_those_of_the_example() -> None:
    schema = (ROOT / "examples/convex/convex/schema.ts").read_text()
    runs = schema[schema.index("analytics_runs: defineTable") : schema.index("// The app's own")]
    assert dict(re.findall(r"(\w+): (v\.optional\(.*?\)),", runs)) == OPTIONAL_FIELDS


def test_a_backend_that_cannot_count_is_pushed_to_with_overwrite(pusher: Pusher) -> None:
    pusher.deployment.configure(table_size=False)
    pusher.deployment.create_table("analytics_runs")
    pusher.write(5)
    pusher.succeeds()
    assert pusher.succeeds()["outcome"] == "unchanged"
    rows = pusher.write(6, NEWER)
    assert "can't count the rows of a table, as its backend is from before November 2025" in pusher.fails()
    pusher.succeeds("--overwrite")
    pusher.holds(rows, NEWER)
    pusher.write(0, AFTER)
    assert "--allow-shrink palette_tag_consensus" in pusher.fails("--overwrite")


def test_a_backend_that_reads_no_uniform_archives_is_to_be_upgraded(pusher: Pusher) -> None:
    pusher.write(5)
    pusher.deployment.configure(reads_uniform=False)
    assert "which backends read since March 2026: upgrade the backend, then push again. Nothing" in pusher.fails()


def test_rows_that_no_push_wrote_are_not_deleted(pusher: Pusher) -> None:
    pusher.deployment.insert("palette_tag_consensus", *({"seed": f"{n}"} for n in range(3)))
    rows = pusher.write(5)
    said = pusher.fails()
    assert "it would delete 3 rows of palette_tag_consensus, where the last push that is known wrote 0" in said
    assert "Nothing was replaced" in said
    assert pusher.succeeds("--overwrite")["tables"][0]["replaced_rows"] == 3
    pusher.holds(rows)


@pytest.mark.parametrize(
    "row", [{"n": 1}, {"buildId": BUILD, "consensusRows": "many"}, {"buildId": 7, "consensusRows": 1.0}]
)
def test_a_run_table_that_is_not_ours_is_not_deleted(pusher: Pusher, row: dict[str, Any]) -> None:
    pusher.deployment.insert("analytics_runs", row)
    pusher.write(5)
    assert "it would delete 1 rows of analytics_runs" in pusher.fails()


def test_tables_of_the_schema_that_are_empty_are_filled(pusher: Pusher) -> None:
    pusher.deployment.create_table("palette_tag_consensus")
    pusher.deployment.create_table("analytics_runs")
    rows = pusher.write(5)
    pusher.succeeds()
    pusher.holds(rows)


HOSTILE: list[tuple[dict[str, Any], str]] = [
    (
        {"import_checkpoints": {"users": {"existing_rows_to_delete": 7}}},
        "it would replace other tables than ours: users",
    ),
    ({"import_checkpoints": {"palettes": {}}}, "it would replace other tables than ours: palettes"),
    ({"import_checkpoints": {"_storage": {}}}, "it would replace other tables than ours: _storage"),
    (
        {"import_checkpoints": {"analytics_runs": {"component_path": "shop/tags"}}},
        "it would replace other tables than ours: shop/tags/analytics_runs",
    ),
    (
        {"import_checkpoints": {"analytics_runs": {"display_table_name": "palette_tag_consensus"}}},
        "doesn't name the tables palette_tag_consensus and analytics_runs, once each",
    ),
    ({"import_checkpoints": {"analytics_runs": None}}, "doesn't name the tables"),
    ({"import_checkpoints": {"analytics_runs": None, "palette_tag_consensus": None}}, "doesn't name the tables"),
    (
        {"import_checkpoints": {"palette_tag_consensus": {"total_num_rows_to_write": 9}}},
        "it would write 9 rows to palette_tag_consensus, where the release has 5",
    ),
    (
        {"import_checkpoints": {"palette_tag_consensus": {"existing_rows_to_delete": 4}}},
        "it would delete 4 rows of palette_tag_consensus, where the last push that is known wrote 0",
    ),
    ({"import_checkpoints": {"palette_tag_consensus": {"total_num_rows_to_write": "x"}}}, "in an unknown form"),
    ({"import_mode_told": "ReplaceAll"}, "its mode is ReplaceAll, not replace"),
    ({"import_mode_told": "Append"}, "its mode is Append, not replace"),
]


@pytest.mark.parametrize(("settings", "part"), HOSTILE)
def test_a_server_that_means_something_else_is_not_confirmed(
    pusher: Pusher, settings: dict[str, Any], part: str
) -> None:
    pusher.write(5)
    pusher.deployment.configure(**settings)
    said = pusher.fails()
    assert part in said
    assert said.endswith("Nothing was replaced")
    assert pusher.requests(ENDPOINTS["perform_import"]) == []
    (job,) = pusher.imports()
    assert job["state"] == {"state": "failed", "error_message": "Import canceled"}


def test_what_a_server_says_cannot_steer_a_terminal_or_show_the_key(pusher: Pusher) -> None:
    pusher.write(5)
    name = f"\x1b[2Jusers {pusher.deployment.key}"
    pusher.deployment.configure(import_checkpoints={name: {}})
    said = pusher.fails()
    assert "\\x1b[2Jusers ***" in said
    pusher.deployment.configure(
        import_checkpoints={}, import_outcome="failed", import_error=f"\x1b[2Jno {pusher.deployment.key}"
    )
    assert "\\x1b[2Jno ***" in pusher.fails("-v")


def test_what_a_server_says_of_its_progress_is_shown_as_safely(pusher: Pusher) -> None:
    pusher.write(5)
    pusher.deployment.configure(import_looks=2, import_progress=f"\x1b[2J5 of 6 {pusher.deployment.key}")
    result = pusher()
    assert (result.code, result.err) == (0, "publish: \\x1b[2J5 of 6 ***\n")


def test_another_import_that_runs_is_waited_for_by_nobody(pusher: Pusher) -> None:
    other = pusher.deployment.start_import({"palettes": [{"seed": "c"}]})
    pusher.write(5)
    result = pusher()
    assert (result.code, result.out) == (1, "")
    assert f"another import {other} of palettes (in_progress, begun 20" in result.err
    assert f" UTC) is running on {pusher.deployment.url}: push again when it is done" in result.err
    assert pusher.requests(ENDPOINTS["start_upload"]) == []


def test_another_import_that_began_meanwhile_ends_ours(pusher: Pusher) -> None:
    pusher.write(5)
    pusher.deployment.configure(import_seconds=3600)

    def begin() -> None:
        pusher.deployment.start_import({"palettes": [{"seed": "c"}]})
        pusher.deployment.configure(import_seconds=0)

    with pusher.deployment.when_asked(ENDPOINTS["finish_upload"], begin):
        result = pusher()
    assert (result.code, result.out) == (1, "")
    assert " is running on " in result.err
    assert pusher.requests(ENDPOINTS["perform_import"]) == []
    assert [job["state"]["state"] for job in pusher.imports()] == ["in_progress", "failed"]


def test_rows_that_came_meanwhile_are_not_deleted(pusher: Pusher) -> None:
    pusher.write(5)
    pusher.deployment.configure(import_seconds=3600)

    def insert() -> None:
        pusher.deployment.insert("palette_tag_consensus", {"seed": "meanwhile"})
        pusher.deployment.configure(import_seconds=0)

    with pusher.deployment.when_asked(ENDPOINTS["finish_upload"], insert):
        result = pusher("--overwrite")
    assert (result.code, result.out) == (1, "")
    assert result.err.endswith("since they were looked at: push again. Nothing was replaced\n")
    assert pusher.documents("palette_tag_consensus") == ['{"seed":"meanwhile"}']
    assert pusher.waiting() == []


def test_two_pushes_at_once_end_in_one_whole_build(pusher: Pusher) -> None:
    builds = {build: pusher.write(count, build) for build, count in ((BUILD, 40), (NEWER, 55))}
    pusher.deployment.configure(import_seconds=0.2)
    processes = [start(build) for build in builds]
    for process in processes:
        process.communicate(timeout=PATIENCE_SECONDS)
    assert 0 in {process.returncode for process in processes}
    (run,) = pusher.deployment.state()["analytics_runs"].values()
    build = json.loads(run)["buildId"]
    pusher.holds(builds[build], build)
    assert pusher.waiting() == []


def test_an_import_that_waits_for_somebody_else_is_let_alone(pusher: Pusher) -> None:
    rows = pusher.write(5)
    other = _wait_unconfirmed(pusher)
    pusher.succeeds()
    pusher.holds(rows)
    assert pusher.waiting() == [other]


def _wait_unconfirmed(pusher: Pusher) -> str:
    """Have an import of the same archive wait for confirmation, as `npx convex import` does while it asks."""
    other = _uploaded(pusher)
    assert pusher.imports()[0]["state"]["state"] == "waiting_for_confirmation"
    return other


def _uploaded(pusher: Pusher) -> str:
    """Upload the same archive, and return the id of the import."""
    with Client(Address(pusher.deployment.url, pusher.deployment.key)) as client:
        token = client.request("POST", ENDPOINTS["start_upload"])["uploadToken"]
        body = (pusher.folder / "current/convex/import.zip").read_bytes()
        params = {"uploadToken": token, "partNumber": "1"}
        part = client.request("POST", ENDPOINTS["upload_part"], params=params, body=body)
        wanted = {"import": {"mode": "replace", "format": "zip"}, "uploadToken": token, "partTokens": [part]}
        return client.request("POST", ENDPOINTS["finish_upload"], body=wanted)["importId"]


def test_an_import_that_fails_is_told(pusher: Pusher) -> None:
    rows = pusher.write(5)
    pusher.succeeds()
    pusher.write(6, NEWER)
    pusher.deployment.configure(import_outcome="failed")
    said = pusher.fails()
    assert "the import failed on" in said
    assert "the schema says no" in said
    pusher.holds(rows)


def test_an_import_that_says_another_number_of_rows_is_told(pusher: Pusher) -> None:
    pusher.write(5)
    pusher.deployment.configure(import_rows_told=3)
    result = pusher()
    assert result.code == 1
    assert "says that it wrote 3 rows, not 6" in result.err
    assert f"The import had taken place all the same: the deployment has build {BUILD}" in result.err


def test_an_import_that_nobody_confirmed_is_told(pusher: Pusher) -> None:
    rows = pusher.write(5)
    pusher.deployment.configure(import_unasked=True)
    result = pusher()
    assert (result.code, result.out) == (1, "")
    assert "though nobody confirmed it here. The import had taken place all the same" in result.err
    pusher.holds(rows)


def test_an_import_that_nobody_confirmed_is_cancelled_while_that_can_be(pusher: Pusher) -> None:
    pusher.write(5)
    pusher.deployment.configure(import_unasked=True, import_outcome="stuck")
    assert pusher.fails().endswith("though nobody confirmed it here. Nothing was replaced")


def test_an_import_that_never_ends_is_given_up_and_cancelled(pusher: Pusher) -> None:
    pusher.write(5)
    pusher.deployment.configure(import_outcome="stuck")
    said = pusher.fails("--wait", "1s")
    (job,) = pusher.imports()
    begun = f"{datetime.fromtimestamp(job['_creationTime'] / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
    assert (
        f"takes longer than 1 s, which --wait can raise: import {job['_id']}, which began at {begun}, isn't done"
        in said
    )
    assert said.endswith("Nothing was replaced")


BAD_ROWS: list[tuple[bytes, str]] = [
    (b"\n", "valid JSON"),
    (b"not json\n", "valid JSON"),
    (b'{"n":NaN}\n', "valid JSON"),
    (b'{"s":"\\ud800"}\n', "valid JSON"),
    (b"[1]\n", "an object"),
    (b'{"$x":1.0}\n', "start with '$'"),
    ('{"凉":1.0}\n'.encode(), "printable ASCII"),
    (b'{"_mine":1.0}\n', "underscore"),
    (b'{"_creationTime":1700000000000}\n', "must be a float64"),
    (b'{"_id":"kg27rxfv99gzp01wmph0gvt92d6hnvy7"}\n', "is no id"),
    (b'{"a":[' + b"1.0," * 8192 + b"1.0]}\n", "more than 8192"),
    (b'{"a":"' + b"x" * (1 << 20) + b'"}\n', "more than 1 MiB"),
    (b'{"a":' * 17 + b"1.0" + b"}" * 17 + b"\n", "levels deep"),
]


@pytest.mark.parametrize(("line", "part"), BAD_ROWS)
def test_a_document_that_convex_cannot_have_is_told(pusher: Pusher, line: bytes, part: str) -> None:
    rows = consensus(2)
    files = entries(BUILD, rows)
    files["palette_tag_consensus/documents.jsonl"] = released.lines(rows[:1]) + line
    write_release(pusher.folder, rows, files=files)
    said = pusher.fails()
    assert "Row 2 wasn't" in said
    assert part in said
    assert said.endswith("Nothing was replaced")


def test_the_deployment_takes_an_integer_as_int64_and_a_float_as_float64(pusher: Pusher) -> None:
    rows = consensus(1)
    line = b'{"a":3,"b":3.0,"c":1e22,"d":-9223372036854775808,"e":9223372036854775808}\n'
    files = entries(BUILD, rows) | {"palette_tag_consensus/documents.jsonl": line}
    write_release(pusher.folder, rows, files=files)
    pusher.succeeds()
    (document,) = pusher.deployment.state()["palette_tag_consensus"].values()
    for part in ('"a":3,', '"b":3.0,', '"c":1e22,', '"d":-9223372036854775808,', '"e":9.223372036854776e18}'):
        assert part in document


# Faults


BY_PROXIES = (
    *itertools.product((*ENDPOINTS, "cancel"), ("524_after", "sign_in")),
    *itertools.product(("finish_upload",), ("520", "599", "511", "proxy_404")),
)


def test_a_push_gets_over_what_proxies_answer_at_each_step(pusher: Pusher) -> None:
    rows = pusher.write(5)
    for endpoint, kind in BY_PROXIES:
        path = ENDPOINTS.get(endpoint, "/api/cancel_import")
        pusher.deployment.configure(faults={"kinds": [kind], "paths": [path], "times": 1})
        before = pusher.deployment.faults_met()
        assert pusher.succeeds("--overwrite", *(["--dry-run"] if endpoint == "cancel" else []))["tables"], (
            endpoint,
            kind,
        )
        assert pusher.deployment.faults_met() == before + 1, (endpoint, kind)
        assert pusher.waiting() == [], (endpoint, kind)
    pusher.holds(rows)


@pytest.mark.parametrize("endpoint", ["finish_upload", "perform_import"])
def test_a_step_that_something_on_the_way_refuses_leaves_nothing_behind(pusher: Pusher, endpoint: str) -> None:
    pusher.write(5)
    for kind in ("proxy_401", "proxy_403", "407", "409", "login_302"):
        pusher.deployment.configure(faults={"kinds": [kind], "paths": [ENDPOINTS[endpoint]]})
        pusher.deployment.forget_requests()
        said = pusher.fails()
        assert re.search(r"something between us and Convex|sends requests on to https://login", said), kind
        assert len(pusher.requests(ENDPOINTS[endpoint])) == 1, kind


def test_a_confirmation_that_never_gets_through_is_given_up_and_says_what_came(pusher: Pusher) -> None:
    pusher.write(5)
    pusher.deployment.configure(faults={"kinds": ["sign_in"], "paths": [ENDPOINTS["perform_import"]]})
    result = pusher("--retry-for", "0.3s")
    assert (result.code, result.out) == (1, "")
    assert result.err.count("it isn't known whether the import was confirmed") == 1
    assert "something between us and Convex answered with a web page (“Sign in”" in result.err.splitlines()[-1]
    assert result.err.endswith("Nothing was replaced\n")
    assert pusher.waiting() == []


def test_an_upload_whose_end_was_lost_to_a_proxy_leaves_no_import_behind(pusher: Pusher) -> None:
    pusher.write(5)
    pusher.deployment.configure(faults={"kinds": ["524_after"], "paths": [ENDPOINTS["finish_upload"]]})
    result = pusher("--retry-for", "0.3s")
    assert (result.code, result.out) == (1, "")
    assert "it isn't known whether the upload was finished: looking for what came of it" in result.err
    jobs = pusher.imports()
    assert len(jobs) == len(pusher.requests(ENDPOINTS["finish_upload"]))
    assert {job["state"]["state"] for job in jobs} == {"failed"}


def test_parts_get_smaller_where_a_proxy_takes_none_so_large(pusher: Pusher) -> None:
    noise = random.Random(1)
    rows = [{"seed": f"{n}", "noise": noise.randbytes(100_000).hex()} for n in range(9)]
    write_release(pusher.folder, rows, files=entries(BUILD, rows))
    pusher.deployment.configure(max_body_bytes=256 << 10, smallest_part_bytes=0)
    pusher.succeeds()
    pusher.holds(rows)
    size = (pusher.folder / "current/convex/import.zip").stat().st_size
    sizes = [r["bytes"] for r in pusher.requests(ENDPOINTS["upload_part"])]
    tried = [size, size // 2, size // 4]
    assert sizes == [*tried, *[256 << 10] * (size // (256 << 10)), size % (256 << 10)]
    numbers = [r["query"]["partNumber"] for r in pusher.requests(ENDPOINTS["upload_part"])]
    assert numbers == ["1"] * len(tried) + [str(n) for n in range(1, len(numbers) - len(tried) + 1)]


def test_parts_that_nobody_takes_are_told_with_the_setting_to_raise(pusher: Pusher) -> None:
    noise = random.Random(1)
    rows = [{"seed": "s", "noise": noise.randbytes(300_000).hex()}]
    write_release(pusher.folder, rows, files=entries(BUILD, rows))
    pusher.deployment.configure(max_body_bytes=200 << 10)
    said = pusher.fails()
    assert "takes no request of 262,144 bytes (413): have it take requests of 6 MiB (client_max_body_size" in said
    pusher.deployment.configure(max_body_bytes=256 << 10)
    said = pusher.fails()
    assert "EntityTooSmall" in said
    assert "something on the way took none of 5 MiB (413): have it take requests of 6 MiB" in said


@pytest.mark.parametrize("kind", faults.ALL)
@pytest.mark.parametrize("endpoint", [*ENDPOINTS])
def test_a_push_gets_over_every_fault(pusher: Pusher, endpoint: str, kind: str) -> None:
    rows = pusher.write(5)
    pusher.deployment.configure(faults={"kinds": [kind], "paths": [ENDPOINTS[endpoint]], "times": 2})
    pusher.succeeds("-v")
    assert pusher.deployment.faults_met() >= 1
    pusher.deployment.configure(faults={})
    pusher.holds(rows)
    assert pusher.waiting() == []


@pytest.mark.parametrize("kind", faults.ALL)
def test_a_dry_run_cancels_over_every_fault(pusher: Pusher, kind: str) -> None:
    pusher.write(5)
    before = pusher.deployment.state()
    pusher.deployment.configure(faults={"kinds": [kind], "paths": ["/api/cancel_import"], "times": 2})
    assert pusher.succeeds("--dry-run")["outcome"] == "dry_run"
    assert pusher.deployment.faults_met() >= 1
    assert pusher.waiting() == []
    assert pusher.deployment.state() == before


@pytest.mark.parametrize("seed", range(6))
def test_a_push_gets_over_a_bad_day(pusher: Pusher, seed: int) -> None:
    rows = pusher.write(5)
    pusher.deployment.configure(faults={"rate": 0.3, "seed": seed}, import_seconds=0.3)
    pusher.succeeds()
    assert pusher.deployment.faults_met() > 0
    pusher.deployment.configure(faults={})
    pusher.holds(rows)
    assert pusher.waiting() == []


def test_a_lost_answer_to_finish_upload_leaves_no_import_behind(pusher: Pusher) -> None:
    rows = pusher.write(5)
    pusher.deployment.configure(faults={"kinds": ["reset_after"], "paths": [ENDPOINTS["finish_upload"]], "times": 1})
    pusher.succeeds()
    pusher.holds(rows)
    assert [job["state"]["state"] for job in pusher.imports()] == ["completed", "failed"]
    tokens = [json.loads(request["body"])["uploadToken"] for request in pusher.requests(ENDPOINTS["finish_upload"])]
    assert len({*tokens}) == 2


def test_an_import_that_comes_late_of_an_upload_given_up_is_cancelled(pusher: Pusher) -> None:
    rows = pusher.write(5)
    pusher.deployment.configure(
        faults={"kinds": ["524"], "paths": [ENDPOINTS["finish_upload"]], "times": 1}, import_seconds=600
    )
    late: list[str] = []

    def come_late() -> None:
        while len(pusher.requests(ENDPOINTS["finish_upload"])) < 2:
            time.sleep(0.01)
        late.append(_uploaded(pusher))
        pusher.deployment.configure(import_seconds=0)

    thread = threading.Thread(target=come_late)
    thread.start()
    pusher.succeeds()
    thread.join()
    pusher.holds(rows)
    assert {job["_id"]: job["state"]["state"] for job in pusher.imports()}[late[0]] == "failed"
    assert pusher.waiting() == []


def test_a_lost_answer_to_finish_upload_costs_nobody_else_an_import(pusher: Pusher) -> None:
    pusher.write(5)
    other = _wait_unconfirmed(pusher)
    pusher.deployment.configure(faults={"kinds": ["reset_after"], "paths": [ENDPOINTS["finish_upload"]], "times": 1})
    pusher.succeeds()
    assert pusher.waiting() == [other]


def test_a_lost_answer_to_perform_import_is_asked_for_not_done_again(pusher: Pusher) -> None:
    rows = pusher.write(5)
    pusher.deployment.configure(faults={"kinds": ["reset_after"], "paths": [ENDPOINTS["perform_import"]], "times": 1})
    pusher.succeeds()
    pusher.holds(rows)
    assert len(pusher.requests(ENDPOINTS["perform_import"])) == 1


def test_a_deployment_that_stops_answering_once_confirmed_may_have_done_it(pusher: Pusher) -> None:
    rows = pusher.write(5)
    pusher.deployment.configure(import_outcome="stuck")
    silence = partial(pusher.deployment.configure, faults={"kinds": ["503"]})
    with pusher.deployment.when_asked(ENDPOINTS["perform_import"], silence):
        result = pusher("--retry-for", "0.5s")
    assert (result.code, result.out) == (1, "")
    assert "isn't known: push again to find out" in result.err
    pusher.deployment.configure(faults={}, import_outcome="completed")
    pusher.imports()
    assert pusher.succeeds()["outcome"] == "unchanged"
    pusher.holds(rows)


@pytest.mark.parametrize("endpoint", ["start_upload", "upload_part", "finish_upload"])
def test_there_is_a_limit_to_trying(pusher: Pusher, endpoint: str) -> None:
    pusher.write(5)
    pusher.deployment.configure(faults={"kinds": ["503"], "paths": [ENDPOINTS[endpoint]]})
    assert f"no answer from {pusher.deployment.url} to {ENDPOINTS[endpoint]}" in pusher.fails("--retry-for", "1s")


@pytest.mark.parametrize("endpoint", ["start_upload", "upload_part"])
def test_what_was_tried_long_enough_is_not_begun_again(pusher: Pusher, endpoint: str) -> None:
    pusher.write(5)
    pusher.deployment.configure(faults={"kinds": ["503"], "paths": [ENDPOINTS[endpoint]]})
    result = pusher("-v", "--retry-for", "0.5s")
    assert result.code == 1
    assert result.err.count("attempt 2 in") == 1


@pytest.mark.parametrize("endpoint", [*ENDPOINTS])
@pytest.mark.parametrize("status", [400, 403, 413])
def test_a_refusal_on_any_step_replaces_nothing(pusher: Pusher, endpoint: str, status: int) -> None:
    pusher.write(5)
    pusher.deployment.configure(faults={"kinds": [f"status:{status}"], "paths": [ENDPOINTS[endpoint]]})
    before = pusher.deployment.state()
    result = pusher()
    assert (result.code, result.out) == (1, "")
    assert str(status) in result.err
    pusher.deployment.configure(faults={})
    assert pusher.deployment.state() == before
    assert pusher.waiting() == []


# Keys


@pytest.mark.parametrize("missing", PERMISSIONS)
def test_a_key_that_may_not_is_one_clear_error(pusher: Pusher, monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    pusher.write(5)
    key = pusher.deployment.scoped_key(*(permission for permission in PERMISSIONS if permission != missing))
    pusher.keys.append(key)
    monkeypatch.setenv("CONVEX_PUBLISH_KEY", key)
    said = pusher.fails()
    assert missing in said
    assert "Make a key that has the permission" in said


def test_a_key_with_just_these_permissions_suffices(pusher: Pusher, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = pusher.write(5)
    key = pusher.deployment.scoped_key(*PERMISSIONS)
    pusher.keys.append(key)
    monkeypatch.setenv("CONVEX_PUBLISH_KEY", key)
    pusher.succeeds()
    pusher.holds(rows)


def test_the_key_that_reads_is_never_the_one_that_writes(pusher: Pusher, monkeypatch: pytest.MonkeyPatch) -> None:
    pusher.write(5)
    monkeypatch.setenv("CONVEX_DEPLOY_KEY", pusher.deployment.key)
    monkeypatch.delenv("CONVEX_PUBLISH_KEY")
    assert "set CONVEX_PUBLISH_KEY in the environment or in .env" in pusher.fails()


def test_a_wrong_key_names_its_setting_and_is_not_shown(pusher: Pusher, monkeypatch: pytest.MonkeyPatch) -> None:
    pusher.write(5)
    pusher.keys.append("convex-test|0123456789abcdef")
    monkeypatch.setenv("CONVEX_PUBLISH_KEY", pusher.keys[0])
    pusher.deployment.configure(echo_key=True)
    said = pusher.fails("-v")
    assert "401 BadAdminKey" in said
    assert "set CONVEX_PUBLISH_KEY" in said


# The command


def test_what_a_push_prints(pusher: Pusher) -> None:
    pusher.write(5)
    result = pusher()
    assert result.err == ""
    assert result.out.splitlines() == [
        f"pushed build {BUILD} to {pusher.deployment.url.removeprefix('http://')}, all tables in one step",
        "  palette_tag_consensus    rows written:         5   deleted:         0",
        "  analytics_runs           rows written:         1   deleted:         0",
        "  build there before: none that a push wrote",
        "  the same with Convex's own tool, without the checks: "
        f"npx convex import --replace published/{BUILD}/convex/import.zip",
    ]
    assert f"has build {BUILD} already: nothing was uploaded" in pusher().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["--replace-all"],
        ["--allow-shrink", "palettes"],
        ["--max-age", "1"],
        ["--wait", "ten"],
        ["--retry-for", "1"],
        ["a", "b"],
        ["--key", "x"],
    ],
)
def test_wrong_usage_is_exit_code_2(pusher: Pusher, arguments: list[str]) -> None:
    assert pusher(*arguments).code == 2


def test_help_teaches(pusher: Pusher) -> None:
    result = pusher("--help")
    assert result.code == 0
    for part in ("CONVEX_PUBLISH_KEY", "--dry-run", "npx convex import --replace", "deployment:backups:import"):
        assert part in result.out


def start(*arguments: str, stderr: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
    """Push in a process of its own."""
    command = [sys.executable, "-m", "publish", "push", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=stderr)


@pytest.mark.parametrize("moment", ["looking", "importing"])
def test_interrupting_cancels_the_import(pusher: Pusher, moment: str) -> None:
    rows = pusher.write(5)
    pusher.succeeds()
    pusher.write(6, NEWER)
    pusher.deployment.forget_requests()
    pusher.deployment.configure(**({"import_seconds": 60} if moment == "looking" else {"import_outcome": "stuck"}))
    begun = '"_system/cli/queryImport"' if moment == "looking" else '"importId"'
    path = "/api/query" if moment == "looking" else ENDPOINTS["perform_import"]
    with start() as process:
        while not any(begun in request["body"] for request in pusher.requests(path)):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, out) == (1, b"")
    assert err.decode().splitlines()[-1] == "publish: interrupted. Nothing was replaced"
    assert b"Traceback" not in err
    assert pusher.waiting() == []
    pusher.holds(rows)


def test_interrupting_what_cannot_be_cancelled_says_so(pusher: Pusher) -> None:
    pusher.write(5)
    pusher.deployment.configure(import_outcome="stuck", import_cancellable=False)
    with start("--retry-for", "1s") as process:
        while not _has_looked_after(pusher, ENDPOINTS["perform_import"]):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE_SECONDS)
    (job,) = pusher.waiting()
    last = f"publish: interrupted. Whether import {job} takes place isn't known: push again to find out"
    assert (process.returncode, err.decode().splitlines()[-1]) == (1, last)


def _has_looked_after(pusher: Pusher, path: str) -> bool:
    """Tell whether somebody has asked after an import since the first request for a path."""
    requests = itertools.dropwhile(lambda request: request["path"] != path, pusher.deployment.requests())
    return any('"importId"' in request["body"] for request in itertools.islice(requests, 1, None))


def test_interrupting_an_upload_leaves_nothing(pusher: Pusher) -> None:
    pusher.write(5)
    pusher.deployment.configure(faults={"kinds": ["503"], "paths": [ENDPOINTS["upload_part"]]})
    before = pusher.deployment.state()
    with start() as process:
        while not pusher.requests(ENDPOINTS["upload_part"]):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, out) == (1, b"")
    assert err.splitlines()[-1] == b"publish: interrupted. Nothing was replaced"
    assert pusher.imports() == []
    assert pusher.deployment.state() == before


def test_a_terminal_sees_how_far_it_is(pusher: Pusher) -> None:
    rows = pusher.write(5)
    main_end, child_end = pty.openpty()
    with start("--json", stderr=child_end) as process:
        os.close(child_end)
        seen = b""
        while block := _read_terminal(main_end):
            seen += block
        out, _ = process.communicate(timeout=PATIENCE_SECONDS)
    os.close(main_end)
    assert process.returncode == 0
    assert b"upload" in seen
    assert b"\x1b[" in seen
    assert json.loads(out)["outcome"] == "pushed"
    pusher.holds(rows)
    assert pusher.deployment.key.encode() not in seen + out


def _read_terminal(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # what Linux says when the other end is closed
        return b""


def test_the_key_is_written_nowhere(pusher: Pusher) -> None:
    pusher.write(5)
    pusher.succeeds("-v")
    secret = pusher.deployment.key.rpartition("|")[2].encode()
    for path in pusher.folder.parent.rglob("*"):
        assert not path.is_file() or secret not in path.read_bytes()
    assert all(
        secret.decode() not in json.dumps([r["path"], r["query"], r["body"]]) for r in pusher.deployment.requests()
    )
