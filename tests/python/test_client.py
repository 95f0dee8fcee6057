"""The client: what it asks again, what it doesn't, and what it says."""

import http.server
import random
import re
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest
from conftest import ROOT, Extract, assert_failed_clearly
from convex_deployment import faults
from convex_deployment.control import Deployment
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from live import Live

from common import __version__
from convex.client import ApiError, Client, NoAnswer, Unreachable
from convex.deployment import Deployment as Address
from convex.errors import refusal, web_page
from convex.system_queries import OLDEST_BACKEND, FunctionMissing, Queries, first_line

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
    assert 2 <= len(live.requests(SYNC)) < 30


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
    assert {request["client"] for request in requests} == {f"palette-analytics-extract-{__version__}"}
    assert len({request["peer"] for request in requests}) == 1


def test_a_redirect_is_told_and_not_followed_with_the_key(live: Live) -> None:
    with Deployment.start() as other:
        live.deployment.configure(redirect_to=other.url)
        said = live.fails("sync")
        assert other.url in said
        assert "CONVEX_URL" in said
        assert other.requests() == []


# What passes, and who said it


@pytest.fixture(scope="module")
def deployment() -> Generator[Deployment]:
    with Deployment.start() as deployment:
        yield deployment


@pytest.fixture
def client(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> Generator[Client]:
    """A client of a deployment that has answered already, which tries often."""
    monkeypatch.setattr("convex.client.FIRST_WAIT_SECONDS", 0.01)
    with Client(Address(deployment.url, deployment.key)) as client:
        Queries(client).imports()
        deployment.forget_requests()
        yield client
    deployment.configure(faults={})


GATEWAY = [
    *map(str, faults.GATEWAY_STATUSES),
    "html_502",
    "504",
    "524_after",
    "proxy_404",
    "511",
    "sign_in",
    "not_json",
]


@pytest.mark.parametrize("kind", GATEWAY)
def test_what_a_proxy_gives_for_a_moment_passes_and_for_long_is_no_answer(
    deployment: Deployment, client: Client, kind: str
) -> None:
    deployment.configure(faults={"kinds": [kind], "times": 2})
    assert Queries(client).imports() == []
    assert len(deployment.requests()) == 3
    deployment.configure(faults={"kinds": [kind]})
    with pytest.raises(NoAnswer, match=r"no answer from .* attempt") as raised:
        Queries(client.with_patience(0.05)).imports()
    assert not isinstance(raised.value, Unreachable)
    assert raised.value.may_be_done


@pytest.mark.parametrize(
    ("kind", "may_be_done"),
    [("500", True), ("reset_after", True), ("cut_body", True), ("408", True), ("429", False), ("503", False)],
)
def test_an_answer_that_is_lost_may_have_been_a_yes(
    deployment: Deployment, client: Client, kind: str, may_be_done: bool
) -> None:
    deployment.configure(faults={"kinds": [kind]})
    with pytest.raises(NoAnswer) as raised:
        Queries(client.with_patience(0)).imports()
    assert raised.value.may_be_done == may_be_done
    assert len(deployment.requests()) == 1


@pytest.mark.parametrize("kind", ["cut_body", "cut_chunked"])
def test_what_began_to_answer_in_http_is_not_told_to_speak_https(
    deployment: Deployment, client: Client, kind: str
) -> None:
    deployment.configure(faults={"kinds": [kind]})
    with pytest.raises(NoAnswer, match="without sending complete message body") as raised:
        Queries(client.with_patience(0)).imports()
    assert "https" not in str(raised.value)


def test_what_was_never_sent_was_not_done() -> None:
    with (
        Client(Address(f"http://127.0.0.1:{unused_port()}", "name|key"), 0) as client,
        pytest.raises(NoAnswer) as raised,
    ):
        Queries(client).imports()
    assert not raised.value.may_be_done


@pytest.mark.parametrize(
    ("kind", "status", "parts"),
    [
        ("proxy_401", 401, ["the key isn't to blame", "“401 Authorization Required”"]),
        ("proxy_403", 403, ["the key isn't to blame", "“403 Forbidden”", "proxy, firewall or VPN"]),
        ("407", 407, ["wants a name and a password", "http://NAME:PASSWORD@HOST:PORT"]),
        ("409", 409, ["something is being changed there"]),
        ("login_302", 302, ["https://login.example.com/?return=here", "sign in with a browser"]),
    ],
)
def test_a_refusal_that_is_not_convex_says_who_and_what_to_do(
    deployment: Deployment, client: Client, kind: str, status: int, parts: list[str]
) -> None:
    deployment.configure(faults={"kinds": [kind]})
    with pytest.raises(ApiError) as raised:
        Queries(client).imports()
    assert (raised.value.status, raised.value.code, raised.value.may_be_done) == (status, "", True)
    assert len(deployment.requests()) == 1
    said = str(raised.value)
    for part in [*parts, "BaseHTTP"]:  # the server's name
        assert part in said
    assert "CONVEX_DEPLOY_KEY" not in said


def test_a_request_that_a_proxy_finds_too_large_says_so(deployment: Deployment, client: Client) -> None:
    deployment.configure(max_body_bytes=1000)
    with pytest.raises(ApiError, match="takes no request as large as this one") as raised:
        client.request("POST", "/api/import/upload_part", body=b"x" * 2000)
    deployment.configure(max_body_bytes=None)
    assert (raised.value.status, raised.value.code) == (413, "")


@settings(max_examples=60)
@given(text=st.text(max_size=300), status=st.sampled_from([200, 302, 400, 403, 404, 409, 500, 524]))
@example(text='{"code":404,"message":"no route"}', status=404)
@example(text='{"code":"not_found"}', status=404)
@example(text="[" * 100_000, status=403)
@example(text='<title>\x1b[31m</title><script>"name|secret"</script>', status=403)
def test_whatever_an_answer_holds_it_is_told_in_one_safe_line(text: str, status: int) -> None:
    address = Address("http://127.0.0.1:1", "name|secret")
    headers = [(b"Location", "/\u202ename|secret".encode()), (b"Server", b"x" * 999)]
    answer = httpx.Response(status, text=text, headers=headers)
    error = web_page(address, answer, answer.content) if status == 200 else refusal(address, answer)
    said = str(error)
    assert said.isprintable()
    assert len(said) < 800
    assert "secret" not in said
    assert getattr(error, "code", "") == ""


# Nothing was ever answered


def unused_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost, and its key, that nobody has signed."""
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=x"]
    names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(path), "-out", "-"]
    made = subprocess.run(["openssl", "req", "-x509", *kind, *names], check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + made.stdout)
    return path


@pytest.fixture(scope="module")
def https_port(certificate: Path) -> Generator[int]:
    """The port of a server that speaks https, and has nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    class Quiet(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass

    with Quiet(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()


def never_answered(url: str) -> str:
    """Ask, and return what is said; without an end to trying at once this takes ten minutes."""
    told: list[str] = []
    with Client(Address(url, "name|key"), tell=told.append) as client, pytest.raises(Unreachable) as raised:
        Queries(client).imports()
    assert len(told) <= 1
    return str(raised.value)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the seconds of a first contact pass sooner."""
    monkeypatch.setattr("convex.errors.FIRST_CONTACT_SECONDS", 0.3)


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("kind", ["proxy_404", "sign_in", "511"])
def test_what_answers_in_place_of_a_deployment_is_told_at_once(deployment: Deployment, kind: str) -> None:
    deployment.configure(faults={"kinds": [kind]})
    said = never_answered(deployment.url)
    deployment.configure(faults={})
    expected = {"proxy_404": "port 3210", "sign_in": "a web page (“Sign in”", "511": "sign in with a browser"}[kind]
    assert expected in said
    assert said.startswith(f"can't reach {deployment.url}: ")


def test_a_host_that_is_not_known_is_told_at_once() -> None:
    assert "The name nobody.invalid isn't known here" in never_answered("https://nobody.invalid")


def test_https_to_an_http_port_is_told_at_once(deployment: Deployment) -> None:
    name = deployment.url.removeprefix("http://")
    assert f"set http://{name}" in never_answered(f"https://{name}")


@pytest.mark.usefixtures("at_once")
def test_http_to_an_https_port_is_told_at_once(https_port: int) -> None:
    assert f"set https://localhost:{https_port}" in never_answered(f"http://localhost:{https_port}")


def test_an_authority_that_is_not_trusted_is_told_at_once(
    https_port: int, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "set SSL_CERT_FILE to a .pem file" in never_answered(f"https://localhost:{https_port}")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert "certificate is for another name" in never_answered(f"https://127.0.0.1:{https_port}")
    address = Address(f"https://localhost:{https_port}", "name|key")
    with Client(address, 0) as client, pytest.raises(NoAnswer, match="501"):  # which is an answer
        client.request("GET", "/")


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("arguments", [["sync"], ["sync", "--watch", "1"], ["snapshot"]])
def test_a_port_at_which_nothing_listens_is_told_at_once(
    extract: Extract, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    url = f"http://127.0.0.1:{unused_port()}"
    monkeypatch.setenv("CONVEX_URL", url)
    monkeypatch.setenv("CONVEX_DEPLOY_KEY", "name|key")
    result = extract(*arguments, "--only", "palettes")
    first, last = result.err.splitlines()
    assert result.code == 1
    assert "trying again, for up to 0.3 s" in first
    assert last.startswith(f"extract: can't reach {url}: ")
    assert "Nothing listens there" in last
    assert not (extract.raw / ".syncing").exists()


@pytest.mark.usefixtures("at_once")
def test_a_deployment_that_starts_within_seconds_is_waited_for(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("convex.errors.FIRST_CONTACT_SECONDS", 30)
    deployment.configure(faults={"kinds": ["reset_before", "proxy_404"], "times": 4})
    with Client(Address(deployment.url, deployment.key)) as client:
        assert Queries(client).imports() == []


# What system functions say


@given(message=st.text(max_size=200))
@example(message="[Request ID: 0123abc] Server Error\nUncaught Error: too slow\n    at handler (a.ts:1)")
@example(message="[Request ID: 0123abc] Server Error: too slow")
@example(message="Uncaught ConvexError: too slow")
def test_of_what_a_function_says_only_the_first_line_is_told(message: str) -> None:
    told = first_line(message)
    assert len(told.splitlines()) == 1
    assert told in message or told == "it doesn't say why"
    assert ("too slow" in message) == (told == "too slow")


def test_a_function_that_is_missing_says_that_the_backend_is_too_old(client: Client) -> None:
    with pytest.raises(FunctionMissing, match=f"too old.*{OLDEST_BACKEND}"):
        Queries(client)._call("_system/cli/unheardOf", {}, dict)
    assert OLDEST_BACKEND in (ROOT / "README.md").read_text(encoding="utf-8")


def test_a_refusal_inside_a_function_ends_at_once(live: Live) -> None:
    live.use(live.deployment.url, live.deployment.scoped_key("deployment:data:view"))
    for arguments in (["sync"], ["sync", "--watch", "1"], ["snapshot"]):
        live.deployment.forget_requests()
        said = live.fails(*arguments)
        assert said.count("\n") == 1
        assert "(deployment:backups:view). Make a key that has the permission" in said
        assert "Uncaught" not in said
        assert "Request ID" not in said
        assert len(live.deployment.requests()) == 1


# Downloads


class Careless(http.server.BaseHTTPRequestHandler):
    """Gives a download as `steps` say, one a request, and then as it should be."""

    protocol_version = "HTTP/1.1"
    body = b""
    steps: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        """Answer."""
        cls = type(self)
        step = cls.steps.pop(0) if cls.steps else ""
        wanted = re.fullmatch("bytes=([0-9]+)-", self.headers.get("Range", ""))
        tag = f'"{len(cls.body)}"'
        if step == "page":
            return self._send(200, b"<html>Sign in</html>", {"Content-Type": "text/html"})
        if step == "gone" and wanted:
            return self._send(416, b"", {})
        if step == "other":
            cls.body = b"another body " + cls.body
        start = int(wanted[1]) if wanted and self.headers["If-Range"] == f'"{len(cls.body)}"' else 0
        rest, total = cls.body[start:], len(cls.body)
        if step == "liar":
            rest, start = rest[1:], start + (start > 0)
        headers = {"Accept-Ranges": "bytes", "ETag": tag if step != "no mark" else ""}
        if start and step != "unwilling":
            headers["Content-Range"] = f"bytes {start}-{total - 1}/{total}"
            return self._send(206, rest, headers, cut=step == "cut")
        return self._send(200, cls.body, headers, cut=step in ("cut", "liar", "no mark"))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class's name)
        """Write no log."""

    def _send(self, status: int, body: bytes, headers: dict[str, str], cut: bool = False) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)
        self.close_connection = cut


STEPS = st.lists(st.sampled_from(["cut", "cut", "page", "gone", "other", "liar", "unwilling", "no mark"]), max_size=6)


@pytest.fixture(scope="module")
def careless() -> Generator[Client]:
    """A client of such a server."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Careless) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with Client(Address(f"http://127.0.0.1:{server.server_address[1]}", "name|key"), 60) as client:
            yield client
        server.shutdown()


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, size=st.integers(0, 3000))
@example(steps=["cut", "cut", "cut"], size=3000)
@example(steps=["cut", "other"], size=3000)
@example(steps=["cut", "liar"], size=3000)
@example(steps=["cut", "gone", "cut", "unwilling"], size=3000)
def test_a_download_is_whole_however_it_came(careless: Client, tmp_path: Path, steps: list[str], size: int) -> None:
    Careless.body, Careless.steps = b"PK" + random.Random(size).randbytes(size), [*steps]
    file = tmp_path / "file"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("convex.client.FIRST_WAIT_SECONDS", 0.0001)
        careless.download("/", file, lambda *_: None)
    assert file.read_bytes() == Careless.body


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

    monkeypatch.setattr("convex.client.Client.request", answer)
    assert "in a form that isn't known" in live.fails("sync")
