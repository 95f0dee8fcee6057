"""The client: what it asks again, what it doesn't, and what it says."""

from collections.abc import Callable
from typing import Any

import pytest
from conftest import Extract, assert_failed_clearly
from convex_deployment import faults
from convex_deployment.control import Deployment
from live import Live

SYNC = "/api/v1/data/sync"


@pytest.mark.parametrize("kind", faults.ALL)
def test_a_sync_gets_over_every_fault(live: Live, kind: str) -> None:
    live.deployment.insert("palettes", *({"n": n} for n in range(20)))
    live.deployment.configure(page_entries=5, faults={"kinds": [kind], "rate": 0.3, "seed": 2})
    live.sync()
    assert live.deployment.faults_met() > 1
    live.rests()


@pytest.mark.parametrize("kind", faults.ALL)
def test_a_snapshot_gets_over_every_fault(live: Live, kind: str) -> None:
    live.deployment.insert("palettes", *({"n": n} for n in range(20)))
    live.deployment.configure(faults={"kinds": [kind], "rate": 1, "times": 3, "paths": ["/api/export", "/api/query"]})
    run, _ = live.run("snapshot", "-v")
    assert run is not None
    live.check()


@pytest.mark.parametrize("status", [408, 421, 425, 429, 500, 502, 503, 504])
def test_what_passes_is_tried_again(live: Live, status: int) -> None:
    live.deployment.insert("palettes", {"n": 1})
    live.deployment.configure(faults={"kinds": [f"status:{status}"], "paths": [SYNC], "times": 2})
    _, said = live.run("sync", "-v")
    assert said.count(f"{SYNC}: {status} Unexpected; attempt ") == 2
    live.check()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 413, 422, 501])
def test_what_would_stay_the_same_is_not_tried_again(live: Live, status: int) -> None:
    live.deployment.configure(faults={"kinds": [f"status:{status}"], "paths": [SYNC]})
    assert str(status) in live.fails("sync", "-v")
    assert len(live.requests(SYNC)) == 1


def test_a_deployment_that_asks_for_time_gets_it(live: Live) -> None:
    live.deployment.insert("palettes", {"n": 1})
    live.deployment.configure(faults={"kinds": ["429"], "paths": [SYNC], "times": 1, "retry_after": 2})
    _, said = live.run("sync", "-v")
    assert "429 TooManyConcurrentRequests; attempt 2 in 2.0 s" in said
    first, second = (request["time"] for request in live.requests(SYNC)[:2])
    assert second - first >= 2


def test_there_is_a_limit_to_trying(live: Live) -> None:
    live.deployment.configure(faults={"kinds": ["503"], "paths": [SYNC]})
    said = live.fails("sync", "--retry-for", "1s")
    assert "no answer from" in said
    assert "503 WorkerOverloaded" in said
    assert 2 < len(live.requests(SYNC)) < 30


def test_nobody_there_is_one_clear_error(live: Live) -> None:
    live.use("http://127.0.0.1:9", live.deployment.key)
    assert "Check the address and the network" in live.fails("sync", "--retry-for", "0.5s")


def test_the_first_try_again_is_told_and_each_one_where_that_is_asked_for(live: Live) -> None:
    live.deployment.insert("palettes", {"n": 1})
    live.deployment.configure(faults={"kinds": ["500"], "times": 3})
    (line,) = live.run("sync")[1].splitlines()
    assert "500 InternalServerError; trying again, for up to 600 s" in line
    live.deployment.configure(faults={"kinds": ["500"], "times": 3})
    assert len(live.run("sync", "-v")[1].splitlines()) == 3


def test_every_request_says_who_asks_and_goes_over_one_connection(live: Live) -> None:
    live.deployment.insert("palettes", *({"n": n} for n in range(20)))
    live.deployment.configure(page_entries=5)
    live.sync()
    requests = live.deployment.requests()
    assert {request["client"] for request in requests} == {"palette-analytics-extract-0.1.0"}
    assert len({request["peer"] for request in requests}) == 1


def test_a_redirect_is_told_and_not_followed_with_the_key(live: Live) -> None:
    with Deployment.start() as other:
        live.deployment.configure(redirect_to=other.url)
        said = live.fails("sync")
        assert other.url in said
        assert "CONVEX_URL" in said
        assert other.requests() == []


# What a user can meet


def missing_permission(live: Live) -> None:
    live.use(live.deployment.url, live.deployment.scoped_key("deployment:backups:view"))


def no_import_list(live: Live) -> None:
    live.use(live.deployment.url, live.deployment.scoped_key("deployment:data:view"))


def foreign_key(live: Live) -> None:
    live.use(live.deployment.url, "convex-test|0123456789abcdef")


def paused(live: Live) -> None:
    live.deployment.configure(paused=True)


@pytest.mark.parametrize(
    ("trouble", "parts"),
    [
        (missing_permission, ["deployment:data:view", "Make a key that has the permission"]),
        (no_import_list, ["deployment:backups:view", "Make a key that has the permission"]),
        (foreign_key, ["401 BadAdminKey", "CONVEX_DEPLOY_KEY"]),
        (paused, ["paused", "resume the deployment"]),
    ],
)
@pytest.mark.parametrize("command", ["sync", "snapshot"])
def test_a_refusal_says_what_to_do(live: Live, command: str, trouble: Callable[[Live], None], parts: list[str]) -> None:
    trouble(live)
    if command == "snapshot" and trouble is no_import_list:
        parts = ["deployment:backups:view"]
    if command == "snapshot" and trouble is missing_permission:
        parts = ["deployment:backups:create"]
    said = live.fails(command)
    for part in parts:
        assert part in said


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("", "which deployment?"),
        ("happy-otter-123.convex.cloud", "it has to begin with https://"),
        ("ftp://happy-otter-123.convex.cloud", "it has to begin with https://"),
        ("https://", "it has to begin with https://"),
        ("https://happy-otter-123.convex.site", "the data is at https://happy-otter-123.convex.cloud"),
        ("https://a.eu-west-1.convex.site", "the data is at https://a.eu-west-1.convex.cloud"),
        ("https://dashboard.convex.dev/t/team", "is the dashboard"),
        ("https://user:hunter2@a.convex.cloud", "leave them out"),
        ("https://a.convex.cloud?x=1", "leave out what follows"),
        ("https://a.convex.cloud:port", "can't be read"),
    ],
)
def test_an_address_that_cannot_be_one(extract: Extract, monkeypatch: pytest.MonkeyPatch, url: str, part: str) -> None:
    monkeypatch.setenv("CONVEX_URL", url)
    monkeypatch.setenv("CONVEX_DEPLOY_KEY", "name|key")
    result = extract("sync", "--only", "t")
    assert_failed_clearly(result)
    assert part in result.err
    assert "hunter2" not in result.err


@pytest.mark.parametrize(
    ("key", "part"),
    [
        ("", "the key is missing"),
        ("project:team:app|abc123", "project key"),
        ("preview:team:app|abc123", "preview key"),
        ("<ignore_deploy_key>", "no key has"),
        ("prod:a|b c", "no key has"),
        ("prod:a|b\u2028c", "no key has"),
        ("prod:other-cat-9|abc123", "one of other-cat-9"),
    ],
)
def test_a_key_that_cannot_be_one(extract: Extract, monkeypatch: pytest.MonkeyPatch, key: str, part: str) -> None:
    monkeypatch.setenv("CONVEX_URL", "https://happy-otter-123.eu-west-1.convex.cloud")
    monkeypatch.setenv("CONVEX_DEPLOY_KEY", key)
    result = extract("snapshot", "--only", "t")
    assert_failed_clearly(result)
    assert part in result.err
    assert "abc123" not in result.err


@pytest.mark.parametrize("key", ["prod:happy-otter-123|0123abcd", "happy-otter-123|0123abcd", "token-0123abcd"])
def test_keys_that_can_be_one_are_sent(live: Live, key: str) -> None:
    live.use(live.deployment.url, key)
    assert "401 BadAdminKey" in live.fails("sync")


def test_settings_for_the_cloud_and_for_oneself_that_differ(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVEX_SELF_HOSTED_URL", "http://127.0.0.1:3210")
    assert "unset one of them" in live.fails("sync")
    monkeypatch.delenv("CONVEX_URL")
    monkeypatch.setenv("CONVEX_SELF_HOSTED_URL", live.deployment.url)
    monkeypatch.delenv("CONVEX_DEPLOY_KEY")
    monkeypatch.setenv("CONVEX_SELF_HOSTED_ADMIN_KEY", live.deployment.key)
    live.deployment.insert("palettes", {"n": 1})
    live.sync()


def test_the_address_can_be_a_flag_and_the_key_cannot(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONVEX_URL")
    live.deployment.insert("palettes", {"n": 1})
    live.sync("--url", live.deployment.url + "/")
    assert live.extract("sync", "--key", "x").code == 2


@pytest.mark.parametrize(
    "arguments", [["--retry-for", "ten"], ["--watch", "-1"], ["--watch", "x"], ["--watch", "90000"]]
)
def test_a_time_that_is_none_is_wrong_usage(live: Live, arguments: list[str]) -> None:
    assert live.extract("sync", *arguments).code == 2


def test_an_answer_of_another_kind_is_one_clear_error(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(*_: Any, **__: Any) -> list[int]:
        return [1]

    monkeypatch.setattr("extract.client.Client.request", answer)
    assert "in a form that isn't known" in live.fails("sync")
