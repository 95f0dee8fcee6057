"""`extract sync`: what lands is what the deployment has, whatever happens to either of them."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from conftest import PATIENCE_SECONDS, ROOT, Extract, documents, table_entries, tree, write_zip
from convex_deployment.control import Deployment
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from live import FOLLOWED, Live, followed, meanwhile
from raw_zone_reader import Reader

from convex.client import Client
from convex.deployment import Deployment as Address
from convex.system_queries import OLDEST_BACKEND
from convex.tables import TableName
from extract import sync as sync_module
from extract.journal import Journal, new_header
from extract.landing import LIVE_LOCK, LandingZone
from extract.selection import Selection
from extract.sync import Sync

ODD = {
    "int64": 2**53 + 1,
    "least": -(2**63),
    "whole": 3.0,
    "large": 1e16,
    "small": 1e-5,
    "minus zero": -0.0,
    "nan": {"$float": "AQAAAAAA+H8="},
    "infinite": {"$float": "AAAAAAAA8H8="},
    "bytes": {"$bytes": "AAEC"},
    "no bytes": {"$bytes": ""},
    "text": 'a\x00b 凉 🌊 e\u0301 \u2028 "quoted" \\ <b>',
    "": "an empty name",
    "dotted.name": None,
    "Case": 1,
    "case": [1, 1.0, "1", True, None, {"_nested": {"deep": [[]]}}],
}
APIS = pytest.mark.parametrize("api", ["current", "missing"], ids=["data_sync", "streaming_export"])
SMALL_PAGES = {"page_entries": 3, "snapshot_page": 3, "delta_rows": 4, "log_rows": 8}


def set_api(live: Live, api: str, **others: Any) -> None:
    live.deployment.configure(data_sync=api, **SMALL_PAGES, **others)


# What lands


@APIS
def test_every_document_lands_as_the_deployment_wrote_it(live: Live, api: str) -> None:
    set_api(live, api)
    live.deployment.insert("palettes", ODD, {"seed": "a"}, ODD | {"n" * 1024: 1})
    for table in ("palette_tags", "tag_batches"):
        live.deployment.insert(table, *({"table": table, "n": n} for n in range(7)))
    live.deployment.create_table("prompt_versions")
    live.deployment.insert("users", {"name": "not one of ours"})
    run = live.sync()
    assert run["kind"] == "full"
    assert {table["name"] for table in run["tables"]} <= FOLLOWED
    assert run["rejected"] == 0
    assert live.deployment.state_at(run["snapshot_ts"]) == live.deployment.state()


@APIS
def test_only_what_changed_lands(live: Live, api: str) -> None:
    set_api(live, api)
    ids = live.deployment.insert("palettes", *({"n": n} for n in range(5)))
    live.deployment.insert("palette_tags", {"n": 1})
    live.sync()
    live.rests()
    live.deployment.transaction([["replace", ids[1], {"n": 10}], ["delete", ids[2]], ["insert", "", "palettes", {}]])
    run = live.sync()
    assert run["kind"] == "incremental"
    assert [(table["name"], table["rows"], table["deletes"]) for table in run["tables"]] == [("palettes", 2, 1)]
    live.rests()


@APIS
def test_changes_of_tables_that_nobody_follows_are_no_changes(live: Live, api: str) -> None:
    set_api(live, api)
    live.deployment.insert("palettes", {})
    live.sync()
    live.deployment.insert("users", *({"n": n} for n in range(20)))
    live.deployment.insert("palette_tag_consensus", {})
    live.rests()


@APIS
def test_a_document_that_changes_often_ends_as_it_is(live: Live, api: str) -> None:
    set_api(live, api)
    (counter,) = live.deployment.insert("palettes", {"n": 0})
    live.sync()
    for n in range(30):
        live.deployment.transaction([["replace", counter, {"n": n}], ["replace", counter, {"n": n, "again": True}]])
    brief = live.deployment.insert("palettes", {"gone": "before anyone saw it"})
    live.deployment.transaction([["delete", brief[0]]])
    live.sync()


@APIS
def test_a_component_is_a_place_of_its_own(live: Live, api: str) -> None:
    set_api(live, api)
    live.deployment.insert("palettes", {"in": "the root"})
    live.deployment.insert("palettes", {"in": "a component"}, component="shop/tags")
    live.sync()
    run, _ = live.run("sync", "--only", "shop.tags.palettes", "--only", "palettes")
    assert run is not None
    assert live.visible() == live.deployment.state()


def test_old_and_new_api_end_in_the_same_bytes(live: Live, tmp_path: Path) -> None:
    live.deployment.configure(**SMALL_PAGES)
    ids = live.deployment.insert("palettes", ODD, ODD, {"n": 1})
    live.deployment.insert("palette_tags", *({"n": n, "x": ODD} for n in range(9)))
    live.sync()
    live.deployment.transaction([["delete", ids[0]], ["replace", ids[1], ODD | {"new": -0.0}]])
    live.sync()
    live.deployment.configure(data_sync="missing")
    older = Live(live.deployment, Extract(tmp_path / "older", live.extract.capsys), live.use)
    assert older.sync()["source"]["type"] == "streaming_export"
    assert older.visible() == live.visible()


def test_the_older_api_is_filtered_here_where_the_deployment_does_not(live: Live) -> None:
    live.deployment.configure(data_sync="missing", table_name_honoured=False)
    live.deployment.insert("palettes", {})
    live.deployment.insert("users", {})
    live.sync()


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("insert"), st.sampled_from(["palettes", "palette_tags", "users"]), st.integers(1, 6)),
        st.tuples(st.sampled_from(["replace", "delete"]), st.integers(0, 1000), st.just(1)),
        st.tuples(st.sampled_from(["drop", "import"]), st.sampled_from(["palettes", "palette_tags"]), st.just(1)),
        st.tuples(st.just("sync"), st.just(""), st.just(1)),
        st.tuples(st.just("wait"), st.just(""), st.just(1)),
    ),
    max_size=25,
)


@APIS
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(operations=OPERATIONS)
def test_any_history_ends_as_the_deployment_has_it(
    live: Live, tmp_path_factory: pytest.TempPathFactory, api: str, operations: list[tuple[str, Any, int]]
) -> None:
    with Deployment.start(data_sync=api, **SMALL_PAGES) as deployment:
        live.use(deployment.url, deployment.key)
        follower = Live(deployment, Extract(tmp_path_factory.mktemp("raw"), live.extract.capsys), live.use)
        for kind, target, count in operations:
            apply(deployment, kind, target, count)
            if kind == "sync":
                follower.run("sync")
                follower.check()
        follower.run("sync")
        follower.check()


def apply(deployment: Deployment, kind: str, target: Any, count: int) -> None:
    state = deployment.state()
    ids = sorted(document_id for table in state.values() for document_id in table)
    if kind == "insert":
        deployment.insert(target, *({"n": n} for n in range(count)))
    elif kind == "replace" and ids:
        deployment.transaction([["replace", ids[target % len(ids)], {"new": target}]])
    elif kind == "delete" and ids:
        deployment.transaction([["delete", ids[target % len(ids)]]])
    elif kind == "drop" and target in state:
        deployment.drop_table(target)
    elif kind == "import":
        deployment.finish_import(deployment.start_import({target: [{"imported": n} for n in range(4)]}))
    elif kind == "wait":
        deployment.advance(60)


# What the API doesn't tell


@APIS
def test_a_dropped_table_is_emptied(live: Live, api: str) -> None:
    set_api(live, api)
    live.deployment.insert("palettes", {})
    live.deployment.insert("palette_tags", {})
    live.sync()
    live.deployment.drop_table("palette_tags")
    live.sync()
    assert live.visible().keys() == {"palettes"}
    live.rests()


@APIS
def test_a_table_made_again_under_its_name_replaces_the_old_one(live: Live, api: str) -> None:
    set_api(live, api)
    live.deployment.insert("palettes", {"old": True}, {"old": True})
    live.sync()
    live.deployment.drop_table("palettes")
    live.deployment.insert("palettes", {"new": True}, {"new": True})
    live.sync()


def between(monkeypatch: pytest.MonkeyPatch, moment: str, act: Callable[[], object]) -> None:
    """Do something just after a step of a sync, once."""
    step, left = getattr(Sync, moment), [1]

    def with_act(self: Sync, *arguments: Any, **named: Any) -> Any:
        result = step(self, *arguments, **named)
        if left[0]:
            left[0] -= 1
            act()
        return result

    monkeypatch.setattr(Sync, moment, with_act)


@APIS
@pytest.mark.parametrize("moment", ["_look_before", "_reach_up_to_date", "_look"])
@pytest.mark.parametrize("made_again", [False, True])
def test_a_table_dropped_while_it_is_looked_at_never_shows_a_state_that_was_none(
    live: Live, monkeypatch: pytest.MonkeyPatch, api: str, moment: str, made_again: bool
) -> None:
    set_api(live, api)
    live.deployment.insert("palettes", {"old": 1}, {"old": 2})
    live.deployment.insert("palette_tags", {"n": 1})
    live.sync()
    live.deployment.insert("palettes", {"old": 3})

    def drop() -> None:
        live.deployment.insert("palette_tags", {"n": 2})
        live.deployment.drop_table("palettes")
        live.deployment.insert("palette_tags", {"n": 3})
        if made_again:
            live.deployment.insert("palettes", {"new": 1}, {"new": 2}, {"new": 3})

    between(monkeypatch, moment, drop)
    run, _ = live.run("sync")
    assert run is not None
    assert live.visible() == followed(live.deployment.state_at(run["snapshot_ts"]))
    live.run("sync")
    live.check()


def test_a_table_dropped_and_made_again_with_the_page_in_between(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page comes while the table isn't there, and both looks see its name: only the documents can tell."""
    live.deployment.insert("palettes", {"old": 1})
    live.deployment.insert("palette_tags", {"n": 1})
    live.sync()

    def drop() -> None:
        live.deployment.drop_table("palettes")
        live.deployment.insert("palette_tags", {"n": 2})

    between(monkeypatch, "_look_before", drop)
    between(monkeypatch, "_reach_up_to_date", lambda: live.deployment.insert("palettes", {"new": 1}))
    run, _ = live.run("sync")
    assert run is not None
    assert live.visible() == followed(live.deployment.state_at(run["snapshot_ts"]))
    live.run("sync")
    live.check()


@APIS
def test_a_table_made_again_that_never_rests(live: Live, monkeypatch: pytest.MonkeyPatch, api: str) -> None:
    """Its numbers can't be compared, as it is written all the time; and the older API tells no truncate."""
    set_api(live, api)
    live.deployment.insert("palettes", *({"old": n} for n in range(5)))
    live.sync()
    live.deployment.drop_table("palettes")
    ids = live.deployment.insert("palettes", *({"new": n} for n in range(5)))
    reach = Sync._reach_up_to_date

    def with_a_write(self: Sync) -> int:
        number = reach(self)
        live.deployment.transaction([["replace", ids[0], {"new": number}]])
        return number

    monkeypatch.setattr(Sync, "_reach_up_to_date", with_a_write)
    run, _ = live.run("sync")
    assert run is not None
    assert live.visible() == followed(live.deployment.state_at(run["snapshot_ts"]))


@APIS
def test_a_table_whose_oldest_document_always_goes_is_still_the_same(
    live: Live, monkeypatch: pytest.MonkeyPatch, api: str
) -> None:
    set_api(live, api)
    ids = live.deployment.insert("palettes", *({"n": n} for n in range(60)))
    live.sync()
    reach, left = Sync._reach_up_to_date, [*ids]

    def with_a_delete(self: Sync) -> int:
        number = reach(self)
        live.deployment.transaction([["delete", left.pop(0)]])
        return number

    monkeypatch.setattr(Sync, "_reach_up_to_date", with_a_delete)
    live.deployment.transaction([["replace", ids[-1], {"n": "changed"}]])
    run, said = live.run("sync")
    assert run is not None
    assert run["kind"] == "incremental"
    assert "taken its name" not in said
    assert live.visible() == followed(live.deployment.state_at(run["snapshot_ts"]))


def test_a_table_dropped_and_made_again_empty(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no oldest document that could be looked for, and so much as a truncate came only afterwards."""
    live.deployment.insert("palettes", *({"n": n} for n in range(5)))
    live.deployment.insert("palette_tags", {"n": 0})
    live.sync()
    live.deployment.drop_table("palettes")
    live.deployment.insert("palette_tags", {"n": 1})
    between(monkeypatch, "_reach_up_to_date", lambda: live.deployment.create_table("palettes"))
    run, _ = live.run("sync")
    assert run is not None
    assert live.visible() == followed(live.deployment.state_at(run["snapshot_ts"]))


@pytest.mark.parametrize("keep_ids", [False, True])
def test_an_import_after_an_idle_sync_is_seen_over_the_older_api(
    live: Live, monkeypatch: pytest.MonkeyPatch, keep_ids: bool
) -> None:
    set_api(live, "missing")
    ids = live.deployment.insert("palettes", *({"n": n} for n in range(50)))
    live.sync()
    live.rests()
    rows = [{"m": n} | ({"_id": ids[n]} if keep_ids else {}) for n in range(5)]
    live.deployment.finish_import(live.deployment.start_import({"palettes": rows}, keep_ids=keep_ids))
    reach = Sync._reach_up_to_date

    def with_a_write(self: Sync) -> int:
        number = reach(self)
        live.deployment.insert("palettes", {"busy": number})
        return number

    monkeypatch.setattr(Sync, "_reach_up_to_date", with_a_write)
    run, _ = live.run("sync")
    assert run is not None
    assert live.visible() == followed(live.deployment.state_at(run["snapshot_ts"]))


class CutError(Exception):
    """Ends a sync in the middle."""


class CutClient(Client):
    """Sends so many requests for a page of `list_snapshot`, and then no more."""

    left = 2

    def request(self, method: str, path: str, **arguments: Any) -> Any:
        self.left -= path == "/api/list_snapshot"
        if self.left < 0:
            raise CutError
        return super().request(method, path, **arguments)


def test_a_selection_that_changes_within_a_snapshot_of_the_older_api_loses_nothing(live: Live) -> None:
    set_api(live, "missing")
    tables = ("palettes", "palette_tags")
    for table in tables:
        live.deployment.insert(table, *({"n": n} for n in range(20)))
    address = Address(live.deployment.url, live.deployment.key)
    for narrowed in tables:
        for only in (tables, (narrowed,)):
            with CutClient(address) as client, pytest.raises(CutError):
                Sync(LandingZone(live.raw), client, Selection(only)).once()
    live.sync("--only", "palettes", "--only", "palette_tags")


def test_what_a_failed_import_left_is_known_after_a_kill_too(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table comes from its own tablet and from those left behind; the one that comes last would win."""
    ids = live.deployment.insert("palettes", *({"n": n} for n in range(9)))
    live.sync()
    for _ in range(12):
        import_id = live.deployment.start_import({"palettes": [{"left": n} for n in range(9)]})
        live.deployment.continue_import(import_id)
        live.deployment.fail_import(import_id)
    live.sync()  # from here on, these imports are settled
    with Client(Address(live.deployment.url, live.deployment.key)) as client:
        sync = Sync(LandingZone(live.raw), client, Selection(FOLLOWED))
        sync.open()
        sync._forget([TableName("", "palettes")])
    reach = Sync._reach_up_to_date

    def with_writes(self: Sync) -> int:
        number = reach(self)
        live.deployment.transaction([["replace", one, {"busy": number}] for one in sorted(ids)[:5] * 8])
        return number

    monkeypatch.setattr(Sync, "_reach_up_to_date", with_writes)
    run, _ = live.run("sync")
    assert run is not None
    assert live.visible() == followed(live.deployment.state_at(run["snapshot_ts"]))


def test_a_component_function_that_fails_is_no_component_that_is_gone(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    live.deployment.insert("palettes", {"n": 1}, component="shop")
    live.run("sync", "--only", "shop.palettes")
    request = Client.request

    def failing(self: Client, method: str, path: str, **arguments: Any) -> Any:
        if path == "/api/function" and arguments["body"]["path"] == "_system/cli/tables":
            return {"status": "error", "errorMessage": "failed while loading component definitions"}
        return request(self, method, path, **arguments)

    monkeypatch.setattr(Client, "request", failing)
    assert "component definitions" in live.fails("sync", "--only", "shop.palettes")


# Imports


@APIS
@pytest.mark.parametrize("keep_ids", [False, True])
def test_an_import_between_two_syncs(live: Live, api: str, keep_ids: bool) -> None:
    set_api(live, api)
    ids = live.deployment.insert("palettes", *({"n": n} for n in range(5)))
    live.sync()
    rows = [{"_id": document_id, "n": -1} for document_id in ids[:3]] if keep_ids else [{"n": -1}] * 3
    live.deployment.finish_import(live.deployment.start_import({"palettes": rows}, keep_ids=keep_ids))
    live.sync()
    live.rests()


@APIS
def test_a_sync_waits_for_an_import_that_is_running(live: Live, api: str) -> None:
    set_api(live, api)
    live.deployment.insert("palettes", {"old": 1})
    live.sync()
    import_id = live.deployment.start_import({"palettes": [{"new": n} for n in range(9)]})
    live.deployment.continue_import(import_id, 4)
    finish = partial(live.deployment.finish_import, import_id)
    with live.deployment.when_asked("/api/query", finish, "queryImport:list", times=3):
        run, said = live.run("sync")
    assert run is not None
    assert "waiting until it is done" in said
    live.check()


def test_the_wait_for_an_import_has_an_end(live: Live) -> None:
    live.deployment.insert("palettes", {"old": 1})
    live.sync()
    import_id = live.deployment.start_import({"palettes": [{"new": 1}], "palette_tags": []})
    said = live.fails("sync", "--wait", "0.1s")
    assert f"import {import_id} of palette_tags, palettes (in_progress, begun 20" in said
    assert "--wait" in said
    live.deployment.finish_import(import_id)
    live.sync()


@APIS
@pytest.mark.parametrize("moment", ["_look_before", "_reach_up_to_date", "_look"])
def test_an_import_that_runs_while_pages_come(
    live: Live, monkeypatch: pytest.MonkeyPatch, api: str, moment: str
) -> None:
    set_api(live, api)
    live.deployment.insert("palettes", *({"old": n} for n in range(5)))
    live.deployment.insert("palette_tags", {"n": 1})
    live.sync()
    live.deployment.insert("palettes", {"old": 9})

    begun = []

    def begin() -> None:
        import_id = live.deployment.start_import({"palettes": [{"new": n} for n in range(9)]})
        live.deployment.continue_import(import_id, 4)
        live.deployment.insert("palettes", {"lost": "at the swap"})
        begun.append(import_id)

    def finish() -> None:
        live.deployment.finish_import(begun[0])

    between(monkeypatch, moment, begin)
    with live.deployment.when_asked("/api/query", finish, "queryImport:list", times=3):
        run, _ = live.run("sync")
    assert run is not None
    assert live.visible() == followed(live.deployment.state_at(run["snapshot_ts"]))
    live.run("sync")
    live.check()
    live.rests()


@APIS
@pytest.mark.parametrize("state", ["failed", "canceled"])
@pytest.mark.parametrize("has_synced", [True, False])
def test_what_a_failed_import_left_behind_does_not_show(live: Live, api: str, state: str, has_synced: bool) -> None:
    set_api(live, api)
    live.deployment.insert("palettes", *({"n": n} for n in range(5)))
    live.deployment.insert("palette_tags", {"n": 1})
    if has_synced:
        live.sync()
    import_id = live.deployment.start_import({"palettes": [{"half": n} for n in range(9)]})
    live.deployment.continue_import(import_id, 5)  # as many as the table has, so that numbers can't tell
    live.deployment.fail_import(import_id, state)
    assert live.sync()["source"]["type"] == "snapshot"
    live.rests()
    live.deployment.insert("palettes", {"n": 6})
    assert live.sync()["kind"] == "incremental"


def test_a_failed_import_and_a_key_that_may_not_export_is_one_clear_error(live: Live) -> None:
    live.deployment.insert("palettes", {"n": 1})
    live.sync()
    live.deployment.continue_import(import_id := live.deployment.start_import({"palettes": [{"half": 1}]}))
    live.deployment.fail_import(import_id)
    key = live.deployment.scoped_key("deployment:data:view", "deployment:backups:view")
    live.use(live.deployment.url, key)
    said = live.fails("sync")
    assert "palettes can't be had for sure" in said
    assert "deployment:backups:create" in said
    live.use(live.deployment.url, live.deployment.key)
    live.sync()


def test_more_imports_than_are_listed(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    live.deployment.insert("palettes", {"n": 1})
    live.sync()
    live.deployment.insert("palettes", {"n": 2})

    def import_often() -> None:
        import_id = live.deployment.start_import({"palettes": [{"new": 1}]})
        live.deployment.finish_import(import_id)
        for _ in range(21):
            live.deployment.finish_import(live.deployment.start_import({"users": [{"n": 1}]}))

    between(monkeypatch, "_reach_up_to_date", import_often)
    live.sync()


def test_an_import_of_a_table_that_nobody_follows_is_not_waited_for(live: Live) -> None:
    live.deployment.insert("palettes", {})
    live.deployment.start_import({"palette_tag_consensus": [{"n": 1}]})
    live.sync()


# Numbers that differ


@pytest.mark.parametrize(("lies", "source"), [(1, "data_sync"), (2, "snapshot")])
def test_a_number_that_differs_is_mended(live: Live, monkeypatch: pytest.MonkeyPatch, lies: int, source: str) -> None:
    """The first time the table is fetched from scratch, the second time the whole export lands."""
    live.deployment.insert("palettes", {"n": 1}, {"n": 2})
    left = [lies]
    look = sync_module.Queries.look

    def lying(self: Any, table: Any) -> Any:
        found = look(self, table)
        if left[0] and found.size and Live.requests(live):
            left[0] -= 1
            return sync_module.TableLook(found.size + 1, found.oldest)
        return found

    monkeypatch.setattr(sync_module.Queries, "look", lying)
    run, said = live.run("sync")
    assert run is not None
    assert run["source"]["type"] == source
    assert "palettes: 2 document(s) came, and the deployment has 3" in said
    live.check()


# Cursors


@APIS
def test_an_expired_cursor_means_everything_again_and_is_said(live: Live, api: str) -> None:
    set_api(live, api)
    ids = live.deployment.insert("palettes", *({"n": n} for n in range(5)))
    live.sync()
    live.deployment.transaction([["delete", ids[0]]])
    live.deployment.configure(retention_seconds=3600)
    live.deployment.advance(7200)
    run, said = live.run("sync")
    assert run is not None
    assert "no longer keeps the changes" in said
    assert any("no longer keeps" in note for note in run["notes"])
    assert run["kind"] == "full"
    live.check()
    live.rests()


def test_an_invalid_cursor_waits_for_a_decision(live: Live) -> None:
    live.deployment.insert("palettes", {"n": 1})
    live.sync()
    live.deployment.configure(invalidate_cursors=True)
    live.deployment.insert("palettes", {"n": 2})
    assert "--full" in live.fails("sync")
    assert live.sync("--full")["kind"] == "full"
    live.rests()


def test_another_deployment_in_the_same_zone_waits_for_a_decision(live: Live) -> None:
    live.deployment.insert("palettes", {"n": 1})
    live.sync()
    with Deployment.start() as other:
        other.insert("palettes", {"n": 2})
        live.use(other.url, other.key)
        assert "--full" in live.fails("sync")
        live.run("sync", "--full")
        assert live.visible() == other.state()


def test_an_address_that_never_answered_binds_nothing(
    live: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither in an empty raw zone nor in one where something else has landed; nor has `--full` anything forgotten."""
    monkeypatch.setattr("convex.errors.FIRST_CONTACT_SECONDS", 0.1)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        misspelt = f"http://127.0.0.1:{listener.getsockname()[1]}"
    url, key = live.deployment.url, live.deployment.key
    live.use(misspelt, key)
    live.fails("sync")
    assert not (live.raw / ".syncing").exists()
    live.extract.load(write_zip(tmp_path / "x.zip", table_entries(palettes=documents("p"))))
    live.fails("sync")
    live.use(url, key)
    live.deployment.insert("palettes", {"n": 1})
    live.sync()
    journal = tree(live.raw / ".syncing")
    live.use(misspelt, key)
    live.fails("sync", "--full")
    assert tree(live.raw / ".syncing") == journal
    live.use(url, key)
    live.deployment.insert("palettes", {"n": 2})
    assert live.sync()["kind"] == "incremental"


def test_an_earlier_journal_of_an_address_that_never_answered_binds_nothing(live: Live) -> None:
    """As the versions before wrote one."""
    Journal(LandingZone(live.raw)).begin(
        new_header(None, "http://misspelt.invalid", "data_sync", "2026-01-01", is_full=True)
    )
    live.deployment.insert("palettes", {"n": 1})
    live.sync()


def test_an_address_that_is_written_otherwise_is_the_same(live: Live) -> None:
    url = live.deployment.url.replace("127.0.0.1", "localhost")
    for n, written in enumerate([url, url.upper(), f"{url}/", url.replace("localhost", "LocalHost")]):
        live.use(written, live.deployment.key)
        live.deployment.insert("palettes", {"n": n})
        assert live.sync()["kind"] == ("incremental" if n else "full")
        journal = live.raw / ".syncing" / "journal.json"
        header = json.loads(journal.read_text())
        journal.write_text(json.dumps(header | {"url": url.upper()}))  # as the versions before may have kept it


def test_a_status_that_is_not_known_says_upgrade(live: Live) -> None:
    live.deployment.insert("palettes", {"n": 1})
    live.deployment.configure(status_type="rewinding")
    said = live.fails("sync")
    assert "upgrade the backend" in said
    assert "rewinding" in said


def test_a_404_for_some_moments_is_no_reason_to_fall_back(live: Live) -> None:
    live.deployment.insert("palettes", {"n": 1})
    live.sync()
    for path, times, after in (("/", 4, 1), ("/api/v1", 2, 0), ("/api/v1/data/sync", 4, 0)):
        live.deployment.configure(faults={"kinds": ["proxy_404"], "paths": [path], "times": times, "after": after})
        live.deployment.insert("palettes", {"n": path})
        run = live.sync()
        assert (run["source"]["type"], run["kind"]) == ("data_sync", "incremental")


def test_a_backend_that_became_older_is_followed_by_the_older_api_until_it_is_newer_again(live: Live) -> None:
    live.deployment.insert("palettes", {"n": 1})
    live.sync()
    kinds = []
    for api in ("missing", "missing", "current", "current"):
        live.deployment.configure(data_sync=api)
        live.deployment.insert("palettes", {"n": api})
        run = live.sync()
        kinds.append(f"{run['source']['type']} {run['kind']}")
        live.rests()
    assert kinds == [
        "streaming_export full", "streaming_export incremental", "data_sync full", "data_sync incremental"
    ]  # fmt: skip


def test_a_backend_that_has_neither_api_says_what_is_the_oldest(live: Live) -> None:
    live.deployment.configure(data_sync="missing", older_api=False)
    assert f"{OLDEST_BACKEND} is the oldest" in live.fails("sync")
    live.deployment.configure(data_sync="current")
    live.deployment.insert("palettes", {"n": 1})
    live.sync()


def test_an_import_after_which_changes_cannot_be_followed_has_everything_fetched_from_scratch(live: Live) -> None:
    set_api(live, "missing")
    ids = live.deployment.insert("palettes", *({"n": n} for n in range(5)))
    live.sync()
    live.deployment.transaction([["delete", ids[0]], ["insert", "", "palettes", {"n": 9}]])
    live.deployment.configure(deltas_conflict=True)
    run = live.sync()
    assert run["kind"] == "full"
    assert any("409" in note for note in run["notes"])
    live.rests()
    live.deployment.configure(faults={"kinds": ["409"], "paths": ["/api/document_deltas"]})
    assert "409" in live.fails("sync")


def test_a_backend_that_cannot_count_is_followed_all_the_same(live: Live) -> None:
    set_api(live, "missing", table_size=False)
    ids = live.deployment.insert("palettes", *({"n": n} for n in range(7)))
    live.deployment.insert("palette_tags", {"n": 1})
    live.deployment.create_table("tag_batches")
    run = live.sync()
    assert run["sync"]["tables"]["palettes"]["documents"] == 7
    assert not run["sync"]["tables"]["palettes"]["verified"]
    live.rests()
    live.deployment.transaction([["delete", ids[0]], ["replace", ids[1], {"n": 10}]])
    assert live.sync()["kind"] == "incremental"
    live.deployment.drop_table("palettes")
    live.deployment.insert("palettes", {"new": 1})
    live.sync()
    live.deployment.drop_table("palettes")
    live.deployment.create_table("palettes")
    live.deployment.insert("palette_tags", {"n": 2})
    live.sync()
    live.deployment.finish_import(live.deployment.start_import({"palettes": [{"imported": n} for n in range(3)]}))
    live.sync()
    import_id = live.deployment.start_import({"palettes": [{"half": n} for n in range(3)]})
    live.deployment.continue_import(import_id, 3)
    live.deployment.fail_import(import_id)
    assert live.sync()["source"]["type"] == "snapshot"
    live.rests()


def test_the_first_form_of_the_api_says_upgrade(live: Live) -> None:
    live.deployment.insert("palettes", {"n": 1})
    live.deployment.configure(data_sync="alpha")
    assert "upgrade the backend" in live.fails("sync")


def test_a_plan_without_streaming_export_names_the_snapshot(live: Live) -> None:
    live.deployment.configure(streaming_export=False)
    assert "python -m extract snapshot" in live.fails("sync")


@APIS
def test_id_pages_give_way_to_ts_pages_when_a_sync_is_late(live: Live, api: str) -> None:
    set_api(live, api, freshness_seconds=0.0)
    ids = live.deployment.insert("palettes", *({"n": n} for n in range(10)))
    live.deployment.configure(freshness_seconds=30.0, page_entries=2)
    live.deployment.transaction([["delete", ids[3]]])
    live.sync()


# Where it goes on


@APIS
def test_a_sync_that_was_cut_goes_on_where_it_was(live: Live, api: str) -> None:
    set_api(live, api)
    live.deployment.insert("palettes", *({"n": n} for n in range(40)))
    path = "/api/v1/data/sync" if api == "current" else "/api/list_snapshot"
    pages = 8
    live.deployment.configure(faults={"kinds": ["status:400"], "paths": [path], "rate": 0})
    counted = [0]
    fetch = sync_module.Journal.append

    def append(self: Any, *arguments: Any) -> int:
        number = fetch(self, *arguments)
        counted[0] += 1
        if counted[0] == pages:
            raise KeyboardInterrupt
        return number

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sync_module.Journal, "append", append)
        result = live.extract("sync")
    assert result.code == 1
    assert "run the command again to go on" in result.err
    assert live.runs() == []
    assert json.loads(live.extract("status", "--json").out)["unfinished_sync"]["pages"] > 1
    live.deployment.forget_requests()
    _, said = live.run("sync")
    assert "going on after" in said
    live.check()
    assert all(json.loads(request["body"]).get("cursor") for request in live.requests(path))


def test_a_run_that_landed_just_before_the_end_lands_once(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    live.deployment.insert("palettes", {"n": 1})

    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Sync, "_landed", die)
        assert live.extract("sync").code == 1
    live.check()
    live.rests()
    live.deployment.insert("palettes", {"n": 2})
    assert live.sync()["kind"] == "incremental"


def test_a_journal_that_is_gone_is_no_loss(live: Live) -> None:
    live.deployment.insert("palettes", {"n": 1})
    live.sync()
    for path in (live.raw / ".syncing").iterdir():
        path.unlink()
    live.deployment.insert("palettes", {"n": 2})
    assert live.sync()["kind"] == "incremental"


def test_a_journal_that_was_being_deleted_is_none(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    live.deployment.configure(page_entries=3)
    live.deployment.insert("palettes", *({"n": n} for n in range(20)))
    address = Address(live.deployment.url, live.deployment.key)
    with Client(address) as client:
        sync = Sync(LandingZone(live.raw), client, Selection(["palettes"]))
        sync.open()
        sync._reach_up_to_date()
    pages = sorted((live.raw / ".syncing").glob("page-*"))
    assert len(pages) > 3

    def killed(*_: Any, **__: Any) -> None:
        pages[1].unlink()
        raise CutError

    with monkeypatch.context() as patch, Client(address) as client:
        patch.setattr("extract.journal.shutil.rmtree", killed)
        with pytest.raises(CutError):
            Sync(LandingZone(live.raw), client, Selection(["palettes"]), is_full=True).open()
    live.sync("--only", "palettes")


def test_a_journal_with_a_gap_is_one_clear_error(live: Live) -> None:
    live.deployment.configure(page_entries=3)
    live.deployment.insert("palettes", *({"n": n} for n in range(20)))
    live.sync()
    (page,) = (live.raw / ".syncing").glob("page-*")
    number = int(page.stem.removeprefix("page-"))
    page.with_name(f"page-{number + 2:08}.json").write_bytes(page.read_bytes())
    assert f"page {number + 1} is missing" in live.fails("sync")


def test_a_journal_that_cannot_be_read_is_one_clear_error(live: Live) -> None:
    live.deployment.insert("palettes", {"n": 1})
    live.sync()
    (live.raw / ".syncing" / "journal.json").write_text("{")
    assert "delete it" in live.fails("sync")


@pytest.mark.parametrize("command", ["load", "snapshot"])
def test_after_a_run_of_another_kind_everything_is_fetched_from_scratch(
    live: Live, tmp_path: Path, command: str
) -> None:
    live.deployment.insert("palettes", {"n": 1})
    live.sync()
    if command == "load":
        live.extract.load(
            write_zip(tmp_path / "x.zip", table_entries(palettes=documents("p"), tag_batches=documents("t")))
        )
    else:
        live.run("snapshot")
    live.deployment.insert("palettes", {"n": 2})
    between = live.runs()[-1]["run_id"]
    run, said = live.run("sync")
    assert run is not None
    assert run["kind"] == "full"
    assert f"run {between} ({'zip x.zip' if command == 'load' else 'snapshot'}" in said
    assert "every table is fetched from scratch, once" in said
    live.check()


# Which tables


def test_the_selection_is_that_of_the_sources_and_can_change(live: Live) -> None:
    for table in ("palettes", "palette_tags", "users"):
        live.deployment.insert(table, {"n": 1})
    live.run("sync", "--only", "users", "--only", "palettes", "--skip", "palettes")
    assert live.visible().keys() == {"users"}
    run, _ = live.run("sync", "--only", "palettes")
    assert run is not None
    assert run["notes"] == ["no longer followed: users; what landed of it stays as it was"]
    assert live.visible().keys() == {"users", "palettes"}
    live.run("sync", "--skip", "palettes")
    live.deployment.insert("palettes", {"n": 2})
    live.deployment.insert("palette_tags", {"n": 2})
    live.run("sync")
    assert {name: len(table) for name, table in live.visible().items()} == {
        "palettes": 2,
        "palette_tags": 2,
        "users": 1,
    }


def test_a_table_that_comes_back_to_the_selection_comes_whole(live: Live) -> None:
    ids = live.deployment.insert("palettes", {"n": 1}, {"n": 2})
    live.deployment.insert("palette_tags", {"n": 1})
    live.sync()
    live.run("sync", "--skip", "palettes")
    live.deployment.transaction([["delete", ids[0]]])
    live.deployment.insert("palette_tags", {"n": 2})
    live.run("sync", "--skip", "palettes")
    live.sync()


@pytest.mark.parametrize("arguments", [["--only", "a b"], ["--only", "palettes", "--skip", "palettes"]])
def test_a_selection_of_nothing_is_one_clear_error(live: Live, arguments: list[str]) -> None:
    assert "table" in live.fails("sync", *arguments)


def test_outside_a_project_the_tables_have_to_be_named(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DBT_PROJECT_DIR")
    assert "--only" in live.fails("sync")


# Two at once


def test_a_second_sync_fails_clearly(live: Live) -> None:
    live.deployment.insert("palettes", {"n": 1})
    with LandingZone(live.raw).lock(LIVE_LOCK):
        assert "another process" in live.fails("sync")
        assert "another process" in live.fails("snapshot")
    live.sync()


def test_a_load_and_a_compact_in_the_middle_of_a_sync(live: Live, tmp_path: Path) -> None:
    live.deployment.insert("palettes", {"n": 1})
    live.sync()
    live.deployment.insert("palettes", {"n": 2})
    for act in (
        lambda: live.extract("compact", "--keep", "0s"),
        lambda: live.extract("load", write_zip(tmp_path / "x.zip", table_entries(palettes=documents("p")))),
    ):
        with pytest.MonkeyPatch.context() as patch:
            between(patch, "_reach_up_to_date", act)
            live.deployment.insert("palettes", {"n": 3})
            live.run("sync")
            live.check()


# Watching


def start_watching(live: Live, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "extract", "sync", "--watch", "0.2", "--raw-dir", str(live.raw), *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_watching_lands_one_run_for_each_batch_of_changes(live: Live) -> None:
    live.deployment.insert("palettes", {"n": 1})
    with start_watching(live) as process:
        wait_for(lambda: len(live.runs()) == 1)
        live.deployment.insert("palettes", {"n": 2}, {"n": 3})
        wait_for(lambda: len(live.runs()) == 2)
        asked = len(live.requests())
        wait_for(lambda: len(live.requests()) > asked + 5)
        assert len(live.runs()) == 2
        live.check()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE_SECONDS)
    assert "Traceback" not in said
    live.rests()


def test_watching_survives_an_outage(live: Live) -> None:
    live.deployment.insert("palettes", {"n": 1})
    with start_watching(live, "--retry-for", "1s") as process:
        wait_for(lambda: len(live.runs()) == 1)
        live.deployment.configure(faults={"kinds": ["reset_before"]})
        live.deployment.insert("palettes", {"n": 2})
        said = ""
        while "Trying again" not in said and process.stderr:
            said = process.stderr.readline()
        live.deployment.configure(faults={})
        wait_for(lambda: len(live.runs()) == 2)
        live.check()
        process.kill()


@pytest.mark.parametrize("kind", ["proxy_404", "login_302"])
def test_watching_survives_what_something_between_says(live: Live, kind: str) -> None:
    """Until the deployment itself says no, which ends it here."""

    def happen() -> None:
        try:
            wait_for(lambda: len(live.runs()) == 1)
            live.deployment.configure(faults={"kinds": [kind]})
            live.deployment.insert("palettes", {"n": 2})
            wait_for(lambda: live.deployment.faults_met() > 3)
            live.deployment.configure(faults={})
            wait_for(lambda: len(live.runs()) == 2)
        finally:
            live.deployment.configure(streaming_export=False)

    live.deployment.insert("palettes", {"n": 1})
    with meanwhile(happen):
        result = live.extract("sync", "--watch", "0.05", "--retry-for", "0.2s")
    assert result.code == 1
    assert "Trying again in" in result.err
    assert result.err.splitlines()[-1].endswith("which every plan has")
    live.check()
    assert [run["kind"] for run in live.runs()] == ["full", "incremental"]


def test_a_sync_that_goes_on_leaves_the_older_api_once_there_is_a_newer(live: Live) -> None:
    live.deployment.configure(data_sync="missing")
    with Client(Address(live.deployment.url, live.deployment.key)) as client:
        sync = Sync(LandingZone(live.raw), client, Selection(FOLLOWED))
        for data_sync in ("missing", "missing", "current", "current"):
            live.deployment.configure(data_sync=data_sync, older_api=data_sync == "missing")
            live.deployment.insert("palettes", {"n": 1})
            assert sync.once() is not None
            live.check()
    apis = [(run["sync"]["api"], run["kind"]) for run in live.runs()]
    assert apis == [(api, kind) for api in ("streaming_export", "data_sync") for kind in ("full", "incremental")]


def test_watching_stops_at_what_another_try_would_not_change(live: Live) -> None:
    with start_watching(live) as process:
        wait_for(lambda: len(live.requests()) > 1)
        live.deployment.configure(streaming_export=False)
        _, said = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 1
    assert "snapshot" in said


def test_a_terminal_sees_how_far_it_is(live: Live) -> None:
    import pty

    live.deployment.insert("palettes", *({"n": n} for n in range(50)))
    live.deployment.configure(page_entries=5)
    main_end, child_end = pty.openpty()
    command = [sys.executable, "-m", "extract", "sync", "--raw-dir", str(live.raw)]
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=child_end) as child:
        os.close(child_end)
        seen = b""
        try:
            while block := os.read(main_end, 65536):
                seen += block
        except OSError:  # how Linux says that the other end is closed
            pass
    os.close(main_end)
    assert child.returncode == 0
    assert b"50/50" in seen
    assert live.deployment.key.encode() not in seen


# The key


def test_the_key_shows_nowhere(live: Live, tmp_path: Path) -> None:
    live.deployment.insert("palettes", {"n": 1})
    secret = live.deployment.key.partition("|")[2]
    wrong = "convex-test|0123456789abcdef0123456789abcdef"
    results = []
    live.deployment.configure(faults={"rate": 0.3, "seed": 5})
    results.append(live.extract("sync", "-v"))
    results.append(live.extract("snapshot", "-v"))
    live.deployment.configure(faults={}, echo_key=True)
    live.use(live.deployment.url, wrong)
    results.append(live.extract("sync", "-v"))
    live.use(live.deployment.url, live.deployment.key)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Sync, "_round", lambda self, *_, **__: self._client.nothing)
        command = [sys.executable, "-c", _CRASH, "sync", "-v", "--raw-dir", str(live.raw)]
        crashed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert "Traceback" in crashed.stderr
    said = "".join(result.out + result.err for result in results) + crashed.stdout + crashed.stderr
    written = b"".join(tree(tmp_path).values())
    for text in (secret, wrong.partition("|")[2]):
        assert text not in said
        assert text.encode() not in written
    assert "BadAdminKey" in said
    assert "***" in said


_CRASH = """
from extract import sync
from extract.cli import main
sync.write_pages = lambda *_: 1 / 0
sync.Sync._reach_up_to_date = lambda self: self._client.nothing
main()
"""


def test_a_client_shows_no_key() -> None:
    address = Address("http://127.0.0.1:1", "name|secret")
    assert "secret" not in repr(address)
    assert "secret" not in repr(vars(Client(address)))


def test_a_sync_object_follows_in_one_process(live: Live) -> None:
    """As a program would use it that keeps following by itself."""
    zone = LandingZone(live.raw)
    with Client(Address(live.deployment.url, live.deployment.key)) as client, zone.lock(LIVE_LOCK):
        sync = Sync(zone, client, Selection(only=["palettes"]))
        for n in range(3):
            live.deployment.insert("palettes", {"n": n})
            assert sync.once() is not None
            assert sync.once() is None
            assert Reader(live.raw).state() == live.deployment.state()
