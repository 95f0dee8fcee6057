"""Answers that no deployment should give: each ends in one clear line, and none brings the key to light."""

import json
import threading
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from conftest import Extract, Result, assert_failed_clearly

SECRET = "0123456789abcdef" * 2
KEY = f"selfhosted|{SECRET}"
PAGE = {
    "status": {"type": "upToDate", "snapshotTs": 5},
    "truncates": [{"component": "", "table": "palettes"}],
    "values": [],
    "syncId": "x",
    "pagination": {"hasMore": True, "nextCursor": "c"},
}
TABLES, SIZE, DATA = "_system/cli/tables", "_system/cli/tableSize", "_system/cli/tableData"
IMPORTS, EXPORTS, SYNC = "_system/cli/queryImport:list", "_system/cli/exports:getLatest", "/api/v1/data/sync"

Answer = tuple[int, dict[str, str], bytes]


def value(content: Any) -> Answer:
    return 200, {}, json.dumps({"status": "success", "value": content}).encode()


def body(content: bytes, status: int = 200, **headers: str) -> Answer:
    return status, {name.replace("_", "-"): text for name, text in headers.items()}, content


USUAL = {
    TABLES: value({"page": [{"name": "palettes"}]}),
    SIZE: value(0.0),
    DATA: value({"page": []}),
    IMPORTS: value([]),
    EXPORTS: value(None),
    SYNC: body(json.dumps(PAGE).encode()),
}


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Generator[dict[str, Answer]]:
    given: dict[str, Answer] = {}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            sent = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
            path = sent.get("path") or self.path
            status, headers, content = (USUAL | given)[path]
            self.send_response(status)
            for name, text in headers.items():
                self.send_header(name, text)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST  # noqa: N815 (the base class's name)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class's name)
            """Write no log."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        monkeypatch.setenv("CONVEX_URL", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("CONVEX_DEPLOY_KEY", KEY)
        yield given
        server.shutdown()


SYNCING, SNAPSHOT = ("sync",), ("snapshot", "--wait", "2s", "--reuse", "24h")
UNKNOWN = "in a form that isn't known"
UNFIT = [
    (SYNCING, TABLES, value({}), UNKNOWN),
    (SYNCING, TABLES, value(None), UNKNOWN),
    (SYNCING, TABLES, value({"page": [{"name": 7}]}), UNKNOWN),
    (SYNCING, TABLES, value({"page": [{"name": "../x"}]}), "can't be"),
    (SYNCING, TABLES, body(b'{"status":"error"}'), UNKNOWN),
    (SYNCING, TABLES, body(b"{}"), f"{UNKNOWN} (Object missing required field `status`)"),
    (SYNCING, TABLES, body(b"[]"), f"{UNKNOWN} (Expected `object`, got `array`)"),
    (SYNCING, TABLES, body(b"null"), f"{UNKNOWN} (Expected `object`, got `null`)"),
    (SYNCING, TABLES, body(b"[" * 200_000), "can't be read"),
    (SYNCING, TABLES, body(b"", 503, Retry_After="\u00b2"), "503"),
    (SYNCING, TABLES, body(b"no gzip", Content_Encoding="gzip"), "DecodingError"),
    (SYNCING, SIZE, value(None), UNKNOWN),
    (SYNCING, IMPORTS, value({"a": 1}), UNKNOWN),
    (SYNCING, IMPORTS, value(["x"]), UNKNOWN),
    (SYNCING, IMPORTS, value([{"state": {"state": "completed"}}]), UNKNOWN),
    (SYNCING, IMPORTS, value([{"_id": "i", "state": "completed"}]), UNKNOWN),
    (SYNCING, IMPORTS, value([{"_id": "i", "state": {"state": "completed"}, "checkpoints": [{}]}]), UNKNOWN),
    (SYNCING, IMPORTS, body(b'{"status":"error","errorMessage":"no such function"}'), "no such function"),
    (SNAPSHOT, EXPORTS, value([1]), UNKNOWN),
    (SNAPSHOT, EXPORTS, value({"state": "completed"}), UNKNOWN),
    (SNAPSHOT, EXPORTS, value({"_id": "a"}), UNKNOWN),
    (SNAPSHOT, EXPORTS, value({"_id": "a", "state": "completed", "start_ts": "x"}), UNKNOWN),
    (SNAPSHOT, EXPORTS, value({"_id": "a", "state": "completed", "start_ts": "9" * 30}), UNKNOWN),
]


@pytest.mark.parametrize(("command", "path", "answer", "part"), UNFIT)
def test_an_answer_that_no_deployment_gives_is_one_clear_error(
    extract: Extract, answers: dict[str, Answer], command: tuple[str, ...], path: str, answer: Answer, part: str
) -> None:
    answers[path] = answer
    result = extract(*command, "--only", "palettes", "--retry-for", "1s")
    *tries, last = result.err.splitlines(keepends=True)
    assert_failed_clearly(Result(result.code, result.out, last))
    assert part in last
    assert all("trying again, for up to 1 s" in line for line in tries)
    assert len(tries) <= 1


DELTAS, GONE = "/api/document_deltas", body(b"", 404)
OLDER = {
    SYNC: GONE,
    "/api/v1/data/list_active_syncs?limit=1": GONE,
    "/api/test_streaming_export_connection": body(b"null"),
    "/api/list_snapshot": body(b'{"values":[],"hasMore":false,"snapshot":5}'),
}
DELETED = b'{"_table":"palettes","_ts":7,"_deleted":true}'


@pytest.mark.parametrize(
    ("deltas", "part"),
    [
        (b'{"values":[],"hasMore":false,"cursor":"abc"}', f"{UNKNOWN} (Expected `int`, got `str`)"),
        (b'{"values":[' + DELETED + b'],"hasMore":false,"cursor":7}', ""),
    ],
)
def test_an_answer_that_no_older_deployment_gives_raises_nothing_else(
    extract: Extract, answers: dict[str, Answer], deltas: bytes, part: str
) -> None:
    answers |= OLDER | {DELTAS: body(deltas)}
    result = extract("sync", "--only", "palettes", "--retry-for", "5s")
    assert result.code == bool(part), result.err
    assert part in result.err.splitlines()[-1]


ECHOES = [
    (SYNCING, TABLES, body(json.dumps({"status": "error", "errorMessage": f"bad {KEY}"}).encode())),
    (SNAPSHOT, EXPORTS, body(json.dumps({"status": "error", "errorMessage": f"bad {KEY}"}).encode())),
    (SYNCING, TABLES, body(SECRET.encode())),
    (SYNCING, SYNC, body(json.dumps({"code": "X", "message": "y" * 275 + KEY}).encode(), 400)),
    (SYNCING, SYNC, body(b"", 302, Location=f"http://127.0.0.1/?key={KEY}")),
]


@pytest.mark.parametrize(("command", "path", "answer"), ECHOES)
def test_a_key_that_a_server_repeats_is_not_shown(
    extract: Extract, answers: dict[str, Answer], command: tuple[str, ...], path: str, answer: Answer
) -> None:
    answers[path] = answer
    result = extract(*command, "-v", "--only", "palettes", "--retry-for", "1s")
    assert result.code == 1
    assert SECRET[:8] not in result.out + result.err
    assert "selfhosted" not in result.out + result.err


def test_a_pause_longer_than_the_time_for_retries_is_not_waited_for(
    extract: Extract, answers: dict[str, Answer]
) -> None:
    answers[TABLES] = body(b"", 503, Retry_After="250")
    result = extract("sync", "--only", "palettes", "--retry-for", "2s")
    assert_failed_clearly(result)
    assert "in 1 attempt(s)" in result.err
