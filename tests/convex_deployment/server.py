"""The HTTP server: routes, who may do what, and faults on the way."""

import contextlib
import hashlib
import json
import re
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from convex_deployment.data_sync import DataSync, alpha_form
from convex_deployment.errors import ConvexError
from convex_deployment.exports import Exports
from convex_deployment.faults import REFUSALS, TIMEOUT_AFTERWARDS, Faults, Refusal
from convex_deployment.imports import Imports
from convex_deployment.queries import PERMISSIONS, FunctionFailedError, Queries, refusal
from convex_deployment.selections import Selection
from convex_deployment.settings import Settings
from convex_deployment.store import Store
from convex_deployment.streaming_export import StreamingExport
from convex_deployment.uploads import Uploads
from convex_deployment.values import exported, recoded

VIEW_DATA = "deployment:data:view"
CREATE, DOWNLOAD = "deployment:backups:create", "deployment:backups:download"
IMPORT = "deployment:backups:import"
ALL_PERMISSIONS = frozenset({VIEW_DATA, "deployment:backups:view", CREATE, DOWNLOAD, IMPORT})
RAW_BODIES = "application/octet-stream"
PLAIN = {"Content-Type": "text/plain; charset=utf-8"}
TOO_LARGE = Refusal(
    413, b"<html><body><h1>413 Request Entity Too Large</h1></body></html>", {"Content-Type": "text/html"}
)
_OLD_CLIENTS = re.compile(r"(npm|npm-cli|python|python-convex|rust)-(0\.0\.[0-9]+|[^0-9].*)")


class Backend:
    """A deployment: its documents, its settings, and the keys that open it."""

    def __init__(self, key: str):
        self.lock = threading.RLock()
        self.answering = threading.Condition()
        """Notified whenever one more was answered."""
        self.restart(key)

    def restart(self, key: str) -> None:
        """Become a deployment that nobody has used yet."""
        self.store = Store()
        self.settings = Settings()
        self.faults = Faults()
        self.keys: dict[str, frozenset[str]] = {key: ALL_PERMISSIONS}
        self.data_sync = DataSync(self.store, self.settings)
        self.streaming_export = StreamingExport(self.store, self.settings)
        self.exports = Exports(self.store, self.settings)
        self.uploads = Uploads(self.settings)
        self.imports = Imports(self.store, self.settings)
        self.queries = Queries(self.store, self.settings, self.exports, self.imports)
        self.requests: list[dict[str, Any]] = []
        self.answered = 0
        """How many requests got what they were to get, faults among them."""

    def configure(self, changes: dict[str, Any]) -> None:
        """Change settings."""
        for name, value in changes.items():
            if not hasattr(self.settings, name):
                raise ValueError(f"no setting {name}")
            setattr(self.settings, name, value)
        if "faults" in changes:
            self.faults.configure(changes["faults"])
        if changes.get("invalidate_cursors"):
            self.data_sync.rotate_secret()
        if changes.get("deltas_conflict"):
            self.streaming_export.restart()

    def answer(self, method: str, path: str, query: dict[str, str], headers: Any, body: bytes) -> "Answer":
        """Return what a request gets when nothing goes wrong on the way. Raises ConvexError."""
        route = _ROUTES.get((method, path)) or _ROUTES.get((method, path.rpartition("/")[0] + "/*"))
        if route is None:
            raise ConvexError(404)
        _check_client(headers.get("Convex-Client"))
        with self.lock:
            if self.settings.paused:
                raise ConvexError(400, "BackendIsNotRunning", "this deployment is paused")
            arguments: dict[str, Any] = dict(query)
            if path == "/api/import/upload_part":
                arguments["body"] = body
            elif path.startswith("/api/export/zip/"):
                arguments |= {"range": headers.get("Range"), "if_range": headers.get("If-Range")}
            elif body and not path.startswith("/api/export"):
                if not headers.get("Content-Type", "").startswith("application/json"):
                    raise ConvexError(400, "BadJsonBody", "Content-Type has to be application/json")
                try:
                    arguments |= json.loads(body)
                except (ValueError, TypeError):
                    raise ConvexError(400, "BadJsonBody", "the body is no JSON object") from None
            return route(self, headers.get("Authorization", ""), path, arguments)

    def permit(self, authorization: str, permission: str | None, is_streaming: bool = False) -> None:
        """Check plan, key and permission, in this order. Raises ConvexError."""
        scheme, _, key = authorization.partition(" ")
        if is_streaming and not self.settings.streaming_export:
            raise ConvexError(403, "StreamingExportNotEnabled", "Streaming export needs the Pro plan.")
        if scheme.lower() != "convex":
            raise ConvexError(403, "BadDeployKey", "An admin key is required.")
        if key not in self.keys:
            said = f" You sent {key}." if self.settings.echo_key else ""
            raise ConvexError(401, "BadAdminKey", f"The provided admin key was invalid for this instance.{said}")
        if permission and not self.may(authorization, permission):
            raise ConvexError(403, "OperationNotPermitted", f"You do not have permission to perform {permission}")

    def may(self, authorization: str, permission: str) -> bool:
        """Tell whether a key that this deployment knows has a permission."""
        return permission in self.keys[authorization.partition(" ")[2]]


class Answer:
    """A body with a status, which is 200 or says that it is a part."""

    def __init__(
        self, body: bytes, headers: dict[str, str] | None = None, length: int | None = None, status: int = 200
    ):
        self.status = status
        self.body = body
        self.headers = headers or {"Content-Type": "application/json"}
        self.length = len(body) if length is None else length


def _check_client(client: str | None) -> None:
    if client is None:
        return
    if "-" not in client:
        raise ConvexError(400, "InvalidClientVersion", f"{client} has no version")
    if _OLD_CLIENTS.fullmatch(client):
        raise ConvexError(400, "ClientVersionUnsupported", f"{client} is too old")


def _data_sync(backend: Backend, authorization: str, _path: str, arguments: dict[str, Any]) -> Answer:
    if backend.settings.data_sync == "missing":
        raise ConvexError(404)
    backend.permit(authorization, VIEW_DATA, is_streaming=True)
    if "selection" in arguments and arguments["selection"] is None:
        raise ConvexError(400, "BadJsonBody", "selection can't be null")
    if unknown := {*arguments} - {"cursor", "selection"}:
        raise ConvexError(400, "BadJsonBody", f"unknown field {min(unknown)}")
    selection = Selection.parse(arguments["selection"]) if "selection" in arguments else Selection()
    if backend.settings.first_page_fails and not arguments.get("cursor"):
        backend.settings.first_page_fails -= 1
        raise ConvexError(500, "InternalServerError", "Your request couldn't be completed.")
    page = backend.data_sync.page(arguments.get("cursor"), selection)
    return Answer(alpha_form(page) if backend.settings.data_sync == "alpha" else page)


def _list_active_syncs(backend: Backend, authorization: str, _path: str, arguments: dict[str, Any]) -> Answer:
    if backend.settings.data_sync == "missing":
        raise ConvexError(404)
    backend.permit(authorization, VIEW_DATA, is_streaming=True)
    limit = int(arguments.get("limit", 50))
    if not 1 <= limit <= 100:
        raise ConvexError(400, "LimitOutOfRange", "limit has to be from 1 to 100")
    start = int(arguments.get("cursor") or 0)
    syncs = backend.data_sync.active_syncs()
    pagination: dict[str, Any] = {"hasMore": start + limit < len(syncs)}
    if pagination["hasMore"]:
        pagination["nextCursor"] = str(start + limit)
    return _json({"syncs": syncs[start : start + limit], "pagination": pagination})


def _cursor_from_deltas(backend: Backend, authorization: str, _path: str, arguments: dict[str, Any]) -> Answer:
    backend.permit(authorization, VIEW_DATA, is_streaming=True)
    selection = Selection.parse(arguments["selection"]) if arguments.get("selection") else Selection()
    return _json({"cursor": backend.data_sync.cursor_at(int(arguments["cursor"]), selection)})


def _older(name: str) -> Callable[[Backend, str, str, dict[str, Any]], Answer]:
    def route(backend: Backend, authorization: str, _path: str, arguments: dict[str, Any]) -> Answer:
        if not backend.settings.older_api:
            raise ConvexError(404)
        backend.permit(authorization, VIEW_DATA, is_streaming=True)
        if name == "test":
            return Answer(b"null")
        if name == "column_names":
            return Answer(backend.streaming_export.column_names())
        return Answer(getattr(backend.streaming_export, name)(arguments))

    return route


def _function(backend: Backend, authorization: str, _path: str, arguments: dict[str, Any]) -> Answer:
    name, encoding = arguments.get("path", ""), arguments.get("format") or "json"
    backend.permit(authorization, None)
    try:
        if name in PERMISSIONS and not backend.may(authorization, PERMISSIONS[name]):
            raise refusal(PERMISSIONS[name])
        value = backend.queries.call(name, arguments.get("args") or {}, arguments.get("componentPath") or "")
    except FunctionFailedError as error:
        return _json({"status": "error", "errorMessage": f"[Request ID: 0123456789abcdef] Server Error\n{error}"})
    text = recoded(exported(value).encode(), encoding)
    return Answer(b'{"status":"success","value":' + text + b',"logLines":[]}')


def _request_export(backend: Backend, authorization: str, _path: str, _arguments: dict[str, Any]) -> Answer:
    backend.permit(authorization, CREATE)
    backend.exports.request()
    return Answer(b"")


def _download(backend: Backend, authorization: str, path: str, arguments: dict[str, Any]) -> Answer:
    backend.permit(authorization, DOWNLOAD)
    body, name = backend.exports.body(path.rpartition("/")[2])
    headers = {
        "Content-Type": "application/zip",
        "Content-Disposition": f"attachment; filename={name}",
        "Cache-Control": "private, max-age=2592000",
    }
    status = HTTPStatus.OK
    if backend.settings.download_ranges:
        status, more, body = _part(body, arguments["range"], arguments["if_range"])
        headers |= more
    body, length = _spoilt(body, backend.settings)
    return Answer(body, headers, length, status)


def _part(body: bytes, wanted: str | None, if_range: str | None) -> tuple[HTTPStatus, dict[str, str], bytes]:
    """Return the status, the headers and what follows of a body that is asked for from a place on, or the whole."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"Accept-Ranges": "bytes", "ETag": tag}
    match = re.fullmatch(r"bytes=([0-9]{1,18})-", wanted or "")
    if not match or if_range not in (None, tag):
        return HTTPStatus.OK, headers, body
    start, length = int(match[1]), len(body)
    if start >= length:
        return HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers | {"Content-Range": f"bytes */{length}"}, b""
    return HTTPStatus.PARTIAL_CONTENT, headers | {"Content-Range": f"bytes {start}-{length - 1}/{length}"}, body[start:]


def _spoilt(body: bytes, settings: Settings) -> tuple[bytes, int]:
    """Return a download's body as `Settings.export_body` has it, and the length that is announced."""
    length = len(body)
    kind = settings.export_body if settings.export_body_times else "whole"
    settings.export_body_times -= settings.export_body_times > 0
    if kind == "corrupt":
        place = len(body) // 3
        body = body[:place] + bytes([body[place] ^ 0x40]) + body[place + 1 :]
    elif kind in ("short", "cut"):
        body = body[: length // 2]
        length = length if kind == "short" else len(body)
    return body, length


def _start_upload(backend: Backend, authorization: str, _path: str, _arguments: dict[str, Any]) -> Answer:
    backend.permit(authorization, IMPORT)
    return _json({"uploadToken": backend.uploads.start()})


def _upload_part(backend: Backend, authorization: str, _path: str, arguments: dict[str, Any]) -> Answer:
    backend.permit(authorization, IMPORT)
    number = int(arguments["partNumber"])
    return _json(backend.uploads.put(arguments["uploadToken"], number, arguments["body"]))


def _finish_upload(backend: Backend, authorization: str, _path: str, arguments: dict[str, Any]) -> Answer:
    backend.permit(authorization, IMPORT)
    body = backend.uploads.finish(arguments["uploadToken"], arguments["partTokens"])
    return _json({"importId": backend.imports.upload(body, arguments["import"])})


def _confirm_or_cancel(backend: Backend, authorization: str, path: str, arguments: dict[str, Any]) -> Answer:
    backend.permit(authorization, IMPORT)
    (backend.imports.perform if path == "/api/perform_import" else backend.imports.cancel)(arguments["importId"])
    return Answer(b"")


def _version(backend: Backend, *_: Any) -> Answer:
    if backend.settings.version is None:
        raise ConvexError(404)
    return Answer(backend.settings.version.encode(), PLAIN)


def _instance_name(backend: Backend, *_: Any) -> Answer:
    return Answer(backend.settings.instance_name.encode(), PLAIN)


def _json(value: Any) -> Answer:
    return Answer(json.dumps(value, ensure_ascii=False).encode())


_ROUTES: dict[tuple[str, str], Callable[[Backend, str, str, dict[str, Any]], Answer]] = {
    ("POST", "/api/v1/data/sync"): _data_sync,
    ("GET", "/api/v1/data/list_active_syncs"): _list_active_syncs,
    ("POST", "/api/data_sync_cursor_from_deltas"): _cursor_from_deltas,
    ("POST", "/api/query"): _function,
    ("POST", "/api/function"): _function,
    ("POST", "/api/export/request/zip"): _request_export,
    ("GET", "/api/export/zip/*"): _download,
    ("POST", "/api/import/start_upload"): _start_upload,
    ("POST", "/api/import/upload_part"): _upload_part,
    ("POST", "/api/import/finish_upload"): _finish_upload,
    ("POST", "/api/perform_import"): _confirm_or_cancel,
    ("POST", "/api/cancel_import"): _confirm_or_cancel,
    ("GET", "/api/get_table_column_names"): _older("column_names"),
    ("GET", "/api/test_streaming_export_connection"): _older("test"),
    ("GET", "/api/json_schemas"): _older("json_schemas"),
    **{
        (method, f"/api/{name}"): _older(name)
        for method in ("GET", "POST")
        for name in ("list_snapshot", "document_deltas")
    },
    ("GET", "/version"): _version,
    ("GET", "/instance_name"): _instance_name,
}


class Handler(BaseHTTPRequestHandler):
    """Serves the deployment's own port."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    backend: Backend

    def do_GET(self) -> None:
        """Answer a GET."""
        self._serve("GET")

    def do_POST(self) -> None:
        """Answer a POST."""
        self._serve("POST")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class's name)
        """Write no log: `Deployment.requests` has one."""

    def _serve(self, method: str) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.backend.faults.choose(parts.path)
        record = {
            "method": method,
            "path": parts.path,
            "query": dict(parse_qsl(parts.query)),
            "body": "" if self.headers.get("Content-Type") == RAW_BODIES else body.decode(errors="replace"),
            "bytes": len(body),
            "client": self.headers.get("Convex-Client"),
            "peer": self.client_address[1],
            "fault": fault,
            "time": time.monotonic(),
        }
        self.backend.requests.append(record)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            record["status"] = self._answer(method, parts.path, record["query"], body, fault)
        with self.backend.answering:
            self.backend.answered += 1
            self.backend.answering.notify_all()

    def _answer(self, method: str, path: str, query: dict[str, str], body: bytes, fault: str | None) -> int:
        backend = self.backend
        if fault == "reset_before":
            return self._reset()
        if fault and fault.startswith("status:"):
            content = {"code": "Unexpected", "message": "a status that a test asked for"}
            return self._send(int(fault.removeprefix("status:")), json.dumps(content).encode(), {})
        if fault in REFUSALS:
            after = {} if backend.faults.retry_after is None else {"Retry-After": str(backend.faults.retry_after)}
            return self._refuse(REFUSALS[fault], after)
        if backend.settings.max_body_bytes is not None and len(body) > backend.settings.max_body_bytes:
            return self._refuse(TOO_LARGE)
        if backend.settings.redirect_to:
            return self._send(307, b"", {"Location": backend.settings.redirect_to + self.path})
        try:
            answer = backend.answer(method, path, query, self.headers, body)
        except ConvexError as error:
            content = {"code": error.code, "message": error.message}
            return self._send(error.status, json.dumps(content).encode() if error.code else b"", {})
        if fault == "reset_after":
            return self._reset()
        if fault == TIMEOUT_AFTERWARDS:
            return self._refuse(REFUSALS["524"])
        if fault == "cut_body":
            return self._cut(answer, {"Content-Length": str(len(answer.body) + 10)})
        if fault == "cut_chunked":
            start = b"%x\r\n" % (len(answer.body) + 10)
            return self._cut(Answer(start + answer.body, {}, status=answer.status), {"Transfer-Encoding": "chunked"})
        if fault == "wrong_length":
            return self._cut(answer, {"Content-Length": str(max(0, len(answer.body) - 5))})
        if fault == "trickle":
            return self._trickle(answer)
        if answer.length != len(answer.body):
            return self._cut(answer, {"Content-Length": str(answer.length)})
        return self._send(answer.status, answer.body, answer.headers)

    def _refuse(self, refusal: Refusal, more: dict[str, str] | None = None) -> int:
        return self._send(refusal.status, refusal.body, refusal.headers | (more or {}))

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> int:
        self._head(status, headers | {"Content-Length": str(len(body))})
        self.wfile.write(body)
        self.wfile.flush()
        return status

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _cut(self, answer: Answer, headers: dict[str, str]) -> int:
        """Send what doesn't go together with its headers, and hang up."""
        self._head(answer.status, answer.headers | headers)
        self.wfile.write(answer.body)
        self.wfile.flush()
        self.close_connection = True
        return answer.status

    def _trickle(self, answer: Answer) -> int:
        self._head(answer.status, answer.headers | {"Content-Length": str(len(answer.body))})
        piece = max(1, len(answer.body) // 10)
        for start in range(0, len(answer.body), piece):
            self.wfile.write(answer.body[start : start + piece])
            self.wfile.flush()
            time.sleep(self.backend.faults.pause)
        return answer.status

    def _reset(self) -> int:
        """Close the connection so that the client's system sees RST."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()
        return 0


class Server(ThreadingHTTPServer):
    """One thread per connection; none outlives the process."""

    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that went away; tell of everything else."""
        if not isinstance(sys.exception(), ConnectionError | ValueError | OSError):
            super().handle_error(request, client_address)
