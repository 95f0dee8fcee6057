"""`extract snapshot`: an export from asking for it to landing it, in all its states."""

import signal
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from conftest import PATIENCE_SECONDS, Process
from live import Live

from extract.snapshot import REQUEST

FILL = [{"n": n} for n in range(50)]


def snapshot(live: Live, *arguments: str) -> tuple[dict[str, Any], str]:
    run, said = live.run("snapshot", *arguments)
    assert run is not None
    assert live.left_behind() == set()
    return run, said


def test_a_snapshot_lands_the_deployment_as_it_was(live: Live) -> None:
    live.deployment.insert("palettes", {"n": 2**60, "f": 3.0, "t": "凉\x00"})
    live.deployment.insert("palettes", {"n": 1}, component="shop/tags")
    live.deployment.insert("users", {"n": 1})
    live.deployment.create_table("tag_batches")
    run, _ = snapshot(live)
    live.check()
    assert (run["kind"], run["cursor"], run["source"]["type"]) == ("full", None, "snapshot")
    assert live.deployment.state_at(run["snapshot_ts"]) == live.deployment.state()
    assert "users" in run["skipped"]


def test_a_table_that_is_no_longer_there_is_emptied(live: Live) -> None:
    live.deployment.insert("palettes", {"n": 1})
    live.deployment.insert("palette_tags", {"n": 1})
    snapshot(live)
    live.deployment.drop_table("palette_tags")
    snapshot(live)
    live.check()


def test_only_and_skip(live: Live) -> None:
    for table in ("palettes", "palette_tags", "users"):
        live.deployment.insert(table, {"n": 1})
    snapshot(live, "--only", "users")
    assert live.visible().keys() == {"users"}
    snapshot(live, "--skip", "palettes")
    assert live.visible().keys() == {"users", "palette_tags"}


def test_the_states_of_an_export_are_told(live: Live) -> None:
    live.deployment.insert("palettes", *FILL)
    live.deployment.configure(export_looks=4)
    _, said = snapshot(live)
    assert "waits for its turn" in said
    assert "Backing up messages: " in said
    live.check()


@pytest.mark.parametrize("outcome", ["failed", "canceled"])
def test_an_export_that_fails_is_one_clear_error(live: Live, outcome: str) -> None:
    live.deployment.configure(export_outcome=outcome)
    assert f"ended as {outcome}" in live.fails("snapshot")
    live.deployment.configure(export_outcome="completed")
    snapshot(live)


def test_an_export_that_takes_too_long_can_be_taken_later(live: Live) -> None:
    live.deployment.insert("palettes", *FILL)
    live.deployment.configure(export_outcome="stuck")
    assert "--reuse" in live.fails("snapshot", "--wait", "1s")
    live.deployment.configure(export_outcome="completed")
    live.deployment.forget_requests()
    snapshot(live, "--reuse", "24h")
    live.check()
    assert live.requests("/api/export/request/zip") == []


def test_an_export_by_somebody_else_is_waited_for(live: Live) -> None:
    live.deployment.configure(export_by_others=True)
    assert "isn't done yet" in live.fails("snapshot", "--wait", "1s")
    with live.deployment.when_asked(REQUEST, partial(live.deployment.configure, export_by_others=False)):
        _, said = snapshot(live)
    assert "another export or backup is running" in said


def test_an_export_on_its_way_is_not_taken_for_ours(live: Live) -> None:
    """It may be of a moment before we asked."""
    live.deployment.configure(export_outcome="stuck")
    live.fails("snapshot", "--wait", "0.2s")
    live.deployment.insert("palettes", {"n": "after that one was asked for"})
    with live.deployment.when_asked(REQUEST, partial(live.deployment.configure, export_outcome="completed")):
        snapshot(live)
    live.check()


def test_asking_twice_because_the_answer_was_lost_makes_one_export(live: Live) -> None:
    faults = {"kinds": ["reset_after"], "paths": ["/api/export/request"], "times": 1}
    live.deployment.configure(export_looks=2, faults=faults)
    live.deployment.insert("palettes", {"n": 1})
    snapshot(live)
    assert [request["status"] for request in live.requests("/api/export/request/zip")] == [0, 400]


def test_a_recent_export_is_taken_again(live: Live) -> None:
    live.deployment.insert("palettes", {"n": 1})
    first, _ = snapshot(live)
    live.deployment.insert("palettes", {"n": 2})
    second, said = snapshot(live, "--reuse", "24h")
    assert "taking the export of" in said
    assert second["snapshot_ts"] == first["snapshot_ts"]
    while time.time() <= first["snapshot_ts"] / 1e9 + 1:
        time.sleep(0.05)
    assert snapshot(live, "--reuse", "1s")[0]["snapshot_ts"] > first["snapshot_ts"]
    live.check()


def test_an_export_that_is_no_longer_kept_is_made_again(live: Live) -> None:
    live.deployment.insert("palettes", {"n": 1})
    snapshot(live)
    live.deployment.configure(export_expired=True, export_outcome="stuck")
    keep = partial(live.deployment.configure, export_expired=False, export_outcome="completed")
    with live.deployment.when_asked("/api/export/zip", keep):
        _, said = snapshot(live, "--reuse", "24h")
    assert "no longer kept" in said
    live.check()


@pytest.mark.parametrize("body", ["corrupt", "cut", "short"])
def test_a_damaged_download_lands_nothing(live: Live, body: str) -> None:
    live.deployment.insert("palettes", *FILL)
    live.deployment.configure(export_body=body)
    said = live.fails("snapshot", "--retry-for", "0.5s")
    assert "no answer" in said if body == "short" else "came damaged from" in said
    assert live.left_behind() == set()


def test_a_download_that_was_damaged_once_is_made_again(live: Live) -> None:
    live.deployment.insert("palettes", *FILL)
    live.deployment.configure(export_body="corrupt", export_body_times=1)
    _, said = snapshot(live)
    assert "came damaged" in said
    live.check()


def test_a_snapshot_that_is_stopped_leaves_nothing(live: Live, process: Process, tmp_path: Path) -> None:
    live.deployment.insert("palettes", *FILL)
    live.deployment.configure(faults={"kinds": ["trickle"], "paths": ["/api/export/zip"], "pause": 5})
    with process.start("snapshot") as child:
        while not list(tmp_path.glob("raw/.downloads/*")):
            assert child.poll() is None
            time.sleep(0.02)
        child.send_signal(signal.SIGINT)
        _, said = child.communicate(timeout=PATIENCE_SECONDS)
    assert child.returncode == 1
    assert said.endswith("interrupted; nothing of this run was landed\n")
    assert not list(tmp_path.glob("raw/.downloads*"))


STEPS = ["/api/query", "/api/export/request", "/api/export/zip"]


def test_a_web_page_is_taken_for_success_at_no_step(live: Live) -> None:
    live.deployment.insert("palettes", *FILL)
    for path in STEPS:
        live.deployment.configure(faults={"kinds": ["sign_in"], "paths": [path]})
        said = live.fails("snapshot", "--retry-for", "0.3s")
        assert "something between us and Convex answered with a web page (“Sign in”" in said, path
        assert live.left_behind() == set()
    for path in STEPS:
        live.deployment.configure(faults={"kinds": ["sign_in"], "paths": [path], "times": 2})
        snapshot(live)
        live.check()


def test_json_is_no_answer_to_a_request_for_an_export(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("extract.snapshot.REQUEST", "/api/query")
    assert "the answer can't be read: it begins with '{" in live.fails("snapshot", "--retry-for", "0.3s")


def test_an_export_that_nobody_made_is_not_waited_for_long(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("extract.snapshot.APPEARS_SECONDS", 0.3)
    monkeypatch.setattr("extract.snapshot.read_nothing", bytes)
    monkeypatch.setattr("extract.snapshot.REQUEST", "/api/query")  # where something else answers
    assert "was asked for an export, and has none" in live.fails("snapshot")


def test_a_download_that_is_cut_goes_on_where_it_was(live: Live) -> None:
    """As long as it gets further, it isn't given up, however long that takes."""
    live.deployment.insert("palettes", *FILL, {"text": "x" * 2000})
    live.deployment.configure(download_ranges=True, export_body="short", export_body_times=8)
    snapshot(live, "--retry-for", "0.7s")
    live.check()
    assert downloads(live) == [200, *[206] * 8]


def test_a_download_that_is_cut_comes_again_where_the_server_gives_no_parts(live: Live) -> None:
    live.deployment.insert("palettes", *FILL)
    live.deployment.configure(export_body="short", export_body_times=2)
    snapshot(live)
    live.check()
    assert downloads(live) == [200] * 3


def downloads(live: Live) -> list[int]:
    """Return the statuses of the downloads."""
    requests = live.deployment.requests()
    return [request["status"] for request in requests if request["path"].startswith("/api/export/zip/")]


def test_a_download_that_is_slow_is_not_given_up(live: Live) -> None:
    live.deployment.insert("palettes", *FILL)
    live.deployment.configure(faults={"kinds": ["trickle"], "paths": ["/api/export/zip"], "pause": 0.1})
    snapshot(live, "--retry-for", "0.2s")
    live.check()
