"""The tests' deployment, asked by hand: that its switches do what they say."""

import io
import json
import zipfile
from collections.abc import Generator
from dataclasses import asdict
from typing import Any

import httpx
import pytest
from convex_deployment import faults
from convex_deployment.control import Deployment
from convex_deployment.settings import Settings

SIZE = {"path": "_system/cli/tableSize", "args": {"tableName": "palettes"}, "format": "json"}
LATEST_EXPORT = {"path": "_system/cli/exports:getLatest", "args": {}, "format": "json"}
HTTP = httpx.Client(trust_env=False)
ONE_TABLE = {"t/documents.jsonl": b'{"n":1}\n', "t/generated_schema.jsonl": b'"uniform"\n'}


@pytest.fixture(scope="module")
def started() -> Generator[Deployment]:
    with Deployment.start() as deployment:
        deployment.insert("palettes", {"n": 1})
        yield deployment


@pytest.fixture
def deployment(started: Deployment) -> Generator[Deployment]:
    """A deployment with the settings of every day."""
    yield started
    started.configure(**asdict(Settings()))


def ask(deployment: Deployment, method: str, path: str, key: str | None = None, **sent: Any) -> httpx.Response:
    headers = {"Authorization": f"Convex {key or deployment.key}", **sent.pop("headers", {})}
    return HTTP.request(method, deployment.url + path, headers=headers, **sent)


def test_a_function_refuses_a_key_as_an_error_of_its_own(deployment: Deployment) -> None:
    key = deployment.scoped_key("deployment:data:view")
    refused = ask(deployment, "POST", "/api/query", key, json=LATEST_EXPORT)
    assert refused.status_code == 200
    assert refused.json()["status"] == "error"
    first, second, stack, *_ = refused.json()["errorMessage"].split("\n")
    assert first == "[Request ID: 0123456789abcdef] Server Error"
    wanted = "You do not have permission to perform this operation (deployment:backups:view)"
    assert second == f"Uncaught Error: {wanted}"
    assert stack.startswith("    at requireOperation (../../convex/_system/server.ts:")
    assert ask(deployment, "POST", "/api/query", key, json=SIZE).json()["value"] == 1
    assert ask(deployment, "POST", "/api/query", "convex-test|0", json=SIZE).status_code == 401
    assert ask(deployment, "POST", "/api/query", headers={"Authorization": "Bearer x"}, json=SIZE).status_code == 403


def test_tables_cannot_be_counted_where_no_function_does(deployment: Deployment) -> None:
    deployment.configure(table_size=False)
    answer = ask(deployment, "POST", "/api/query", json=SIZE)
    assert (answer.status_code, answer.json()["status"]) == (200, "error")
    assert "Could not find public function for '_system/cli/tableSize'. Did you" in answer.json()["errorMessage"]


def test_a_deployment_says_its_version_and_its_name(deployment: Deployment) -> None:
    def told(path: str) -> tuple[int, str]:
        answer = HTTP.get(deployment.url + path)  # nobody needs a key for it
        return answer.status_code, answer.text

    assert told("/version") == (200, "unknown")
    assert told("/instance_name") == (200, "palette-analytics-test")
    deployment.configure(version=None, instance_name="happy-otter-123")
    assert told("/version") == (404, "")
    assert told("/instance_name") == (200, "happy-otter-123")


def test_a_download_goes_on_where_it_is_asked_to(deployment: Deployment) -> None:
    ask(deployment, "POST", "/api/export/request/zip")
    latest = ask(deployment, "POST", "/api/query", json=LATEST_EXPORT).json()["value"]
    path = f"/api/export/zip/{latest['_id']}"
    whole = ask(deployment, "GET", path, headers={"Range": "bytes=100-"})
    assert (whole.status_code, whole.headers.get("Accept-Ranges")) == (200, None)
    deployment.configure(download_ranges=True)
    tag = ask(deployment, "GET", path).headers["ETag"]
    size = len(whole.content)
    part = ask(deployment, "GET", path, headers={"Range": "bytes=100-", "If-Range": tag})
    assert (part.status_code, part.content) == (206, whole.content[100:])
    assert part.headers["Content-Range"] == f"bytes 100-{size - 1}/{size}"
    assert part.headers["Accept-Ranges"] == "bytes"
    other = ask(deployment, "GET", path, headers={"Range": "bytes=100-", "If-Range": '"another"'})
    assert (other.status_code, other.content) == (200, whole.content)
    assert ask(deployment, "GET", path, headers={"Range": f"bytes={size}-"}).status_code == 416


@pytest.mark.parametrize("reads_uniform", [True, False])
def test_an_older_backend_reads_no_uniform_archive(deployment: Deployment, reads_uniform: bool) -> None:
    deployment.configure(reads_uniform=reads_uniform)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in ONE_TABLE.items():
            archive.writestr(name, content)
    token = ask(deployment, "POST", "/api/import/start_upload").json()["uploadToken"]
    part = {"uploadToken": token, "partNumber": 1}
    raw = {"Content-Type": "application/octet-stream"}
    etag = ask(deployment, "POST", "/api/import/upload_part", params=part, headers=raw, content=file.getvalue()).json()
    whole = {"import": {"format": "zip", "mode": "replace"}, "uploadToken": token, "partTokens": [etag]}
    import_id = ask(deployment, "POST", "/api/import/finish_upload", json=whole).json()["importId"]
    query = {"path": "_system/cli/queryImport", "args": {"importId": import_id}, "format": "json"}
    state = ask(deployment, "POST", "/api/query", json=query).json()["value"]["state"]
    if reads_uniform:
        assert state["state"] == "waiting_for_confirmation"
    else:
        assert "cannot parse t/generated_schema.jsonl: unexpected token at 'uniform'" in state["error_message"]


def test_a_proxy_refuses_a_body_that_is_too_large(deployment: Deployment) -> None:
    deployment.configure(max_body_bytes=len(json.dumps(SIZE)))
    assert ask(deployment, "POST", "/api/query", json=SIZE).status_code == 200
    answer = ask(deployment, "POST", "/api/query", content=json.dumps(SIZE) + " ")
    assert (answer.status_code, answer.headers["Content-Type"]) == (413, "text/html")


def test_cursors_from_before_an_import_conflict(deployment: Deployment) -> None:
    def deltas(snapshot: int) -> httpx.Response:
        return ask(deployment, "POST", "/api/document_deltas", json={"cursor": snapshot})

    before = ask(deployment, "POST", "/api/list_snapshot", json={}).json()["snapshot"]
    assert deltas(before).status_code == 200
    deployment.configure(deltas_conflict=True)
    assert (deltas(before).status_code, deltas(before).content) == (409, b"")
    assert deltas(ask(deployment, "POST", "/api/list_snapshot", json={}).json()["snapshot"]).status_code == 200


@pytest.mark.parametrize("kind", faults.REFUSALS)
def test_no_work_is_done_for_a_request_that_is_refused(deployment: Deployment, kind: str) -> None:
    wanted = faults.REFUSALS[kind]
    deployment.configure(faults={"kinds": [kind], "paths": ["/api/import"], "after": 1, "times": 1})
    answered = deployment.answered()
    answers = [ask(deployment, "POST", "/api/import/start_upload") for _ in range(3)]
    assert "uploadToken" in answers[0].json()
    assert (answers[1].status_code, answers[1].content) == (wanted.status, wanted.body)
    assert {name: answers[1].headers[name] for name in wanted.headers} == wanted.headers
    assert "uploadToken" in answers[2].json()
    assert deployment.answered(at_least=answered + 3) == answered + 3
    assert (b'"code"' in wanted.body) == (kind in ("429", "500", "503"))


def test_the_work_is_done_for_a_request_whose_answer_comes_too_late(deployment: Deployment) -> None:
    deployment.configure(faults={"kinds": [faults.TIMEOUT_AFTERWARDS], "paths": ["/api/export/request"]})
    before = ask(deployment, "POST", "/api/query", json=LATEST_EXPORT).json()["value"]
    answer = ask(deployment, "POST", "/api/export/request/zip")
    assert (answer.status_code, b"html" in answer.content) == (524, True)
    after = ask(deployment, "POST", "/api/query", json=LATEST_EXPORT).json()["value"]
    assert after is not None
    assert after != before


def test_whether_a_table_is_walked_on_may_hang_on_the_log_and_not_on_the_clock(deployment: Deployment) -> None:
    deployment.configure(page_entries=1, freshness_rows=4)
    deployment.insert("walked", {"n": 1}, {"n": 2})
    selection = {"_other": "excluded", "": {"_other": "excluded", "walked": {"_other": "included"}}}

    def page(cursor: str | None) -> dict[str, Any]:
        body = {"cursor": cursor, "selection": selection}
        return ask(deployment, "POST", "/api/v1/data/sync", json=body).json()

    cursor = page(None)["pagination"]["nextCursor"]
    deployment.insert("palettes", *({"n": n} for n in range(3)))
    deployment.advance(3600)
    assert len(page(cursor)["values"]) == 1
    deployment.insert("palettes", {"n": 3})
    assert page(cursor)["values"] == []
