"""Requests of the extractor and responses of the tests' deployment, judged by Convex's own published types."""

import copy
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from contract import assert_requests_meet_the_contract, is_accepted, judge
from convex_deployment.control import Deployment
from live import Live


def ask(deployment: Deployment, method: str, path: str, body: Any = None) -> Any:
    headers = {"Authorization": f"Convex {deployment.key}", "Convex-Client": "contract-1.0.0"}
    answer = httpx.request(method, deployment.url + path, json=body, headers=headers, trust_env=False)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_every_page_meets_the_contract(live: Live) -> None:
    live.deployment.configure(page_entries=4, log_rows=6)
    ids = live.deployment.insert("palettes", *({"n": n, "f": 1e16} for n in range(9)))
    live.deployment.insert("palette_tags", {"n": {"$bytes": "AA=="}})
    cursor, kinds, has_tombstone = None, set(), False
    for number in range(12):
        page = ask(live.deployment, "POST", "/api/v1/data/sync", {"cursor": cursor})
        judge("Response").validate(page)
        cursor = page["pagination"]["nextCursor"]
        kinds.add(page["status"]["type"])
        has_tombstone |= any(value["deleted"] for value in page["values"])
        judge("ActiveSyncs").validate(ask(live.deployment, "GET", "/api/v1/data/list_active_syncs"))
        if number == 5:
            live.deployment.transaction([["delete", document_id] for document_id in ids])
            live.deployment.insert("tag_batches", *({"n": n} for n in range(9)))
            live.deployment.advance(60)
    assert kinds == {"snapshotting", "stale", "upToDate"}
    assert has_tombstone


def test_every_request_of_a_sync_meets_the_contract(live: Live) -> None:
    live.deployment.configure(page_entries=4)
    live.deployment.insert("palettes", *({"n": n} for n in range(9)))
    live.deployment.insert("palettes", {"n": 1}, component="shop/tags")
    live.sync()
    live.run("sync", "--only", "shop.tags.palettes")
    import_id = live.deployment.start_import({"palettes": [{"n": 1}]})
    live.deployment.fail_import(import_id)
    live.run("sync")
    assert_requests_meet_the_contract(live.deployment)


PAGE = {
    "status": {"type": "upToDate", "snapshotTs": 1},
    "truncates": [{"component": "", "table": "t"}],
    "values": [{"component": "", "table": "t", "ts": 1, "deleted": False, "value": {"_id": "x"}}],
    "syncId": "s",
    "pagination": {"hasMore": True, "nextCursor": "01"},
}


def without(*path: str | int) -> Callable[[Any], None]:
    def change(page: Any) -> None:
        for step in path[:-1]:
            page = page[step]
        del page[path[-1]]

    return change


def with_value(value: Any, *path: str | int) -> Callable[[Any], None]:
    def change(page: Any) -> None:
        for step in path[:-1]:
            page = page[step]
        page[path[-1]] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        without("status"),
        without("status", "snapshotTs"),
        without("truncates"),
        without("values", 0, "ts"),
        without("values", 0, "deleted"),
        without("pagination", "hasMore"),
        without("syncId"),
        with_value("synced", "status", "type"),
        with_value("1", "values", 0, "ts"),
        with_value("text", "values", 0, "value"),
        with_value(1, "pagination", "nextCursor"),
        with_value("new", "unheard of"),
        with_value("new", "values", 0, "_ts"),
    ],
)
def test_the_judge_refuses_what_is_wrong(change: Callable[[Any], None]) -> None:
    assert is_accepted("Response", PAGE)
    page = copy.deepcopy(PAGE)
    change(page)
    assert not is_accepted("Response", page)


@pytest.mark.parametrize(
    ("request_body", "is_right"),
    [
        ({}, True),
        ({"cursor": None}, True),
        ({"cursor": "01", "selection": {"_other": "excluded"}}, True),
        ({"selection": {"_other": "excluded", "": {"_other": "excluded", "t": {"_other": "included"}}}}, True),
        ({"selection": None}, False),
        ({"selection": {}}, False),
        ({"selection": {"_other": "excluded", "": {"t": "excluded"}}}, False),
        ({"selection": {"_other": "excluded", "": {"_other": "excluded", "t": "included"}}}, False),
        ({"cursor": 1}, False),
        ({"limit": 5}, False),
    ],
)
def test_the_judge_knows_requests(request_body: Any, is_right: bool) -> None:
    assert is_accepted("Request", request_body) == is_right


def test_the_deployment_refuses_what_the_judge_refuses(live: Live) -> None:
    for body in ({"selection": None}, {"selection": {}}, {"limit": 5}):
        headers = {"Authorization": f"Convex {live.deployment.key}"}
        url = f"{live.deployment.url}/api/v1/data/sync"
        answer = httpx.post(url, json=body, headers=headers, trust_env=False)
        assert (answer.status_code, answer.json()["code"]) == (400, "BadJsonBody")
