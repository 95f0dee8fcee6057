"""`python -m convex_deployment`: serve until standard input ends, having printed one line of JSON with the ports."""

import json
import os
import secrets
import sys
import threading
from http.server import BaseHTTPRequestHandler
from typing import Any

from convex_deployment.errors import ConvexError
from convex_deployment.server import Backend, Handler, Server


class Control:
    """What `control.Deployment` calls, by name."""

    def __init__(self, backend: Backend, key: str):
        self._backend = backend
        self._key = key

    def call(self, name: str, arguments: dict[str, Any]) -> Any:
        """Call one of the methods below while nobody else changes anything."""
        if name == "answered":  # which waits for others
            return self._answered(**arguments)
        with self._backend.lock:
            return getattr(self, f"do_{name}")(**arguments)

    def _answered(self, at_least: int, seconds: float) -> int:
        """Return how many requests were answered, once they are enough or the time is over."""
        with self._backend.answering:
            self._backend.answering.wait_for(lambda: self._backend.answered >= at_least, seconds)
            return self._backend.answered

    def do_restart(self) -> None:
        """Forget everything."""
        self._backend.restart(self._key)

    def do_configure(self, settings: dict[str, Any]) -> None:
        """Change settings."""
        self._backend.configure(settings)

    def do_scoped_key(self, permissions: list[str]) -> str:
        """Make a key."""
        key = f"convex-test|{secrets.token_hex(20)}"
        self._backend.keys[key] = frozenset(permissions)
        return key

    def do_transaction(self, operations: list[list[Any]]) -> list[str | None]:
        """Commit operations."""
        return self._backend.store.transact(operations)

    def do_fill(self, component: str, table: str, count: int, bytes_each: int) -> None:
        """Insert many documents."""
        self._backend.store.fill(component, table, count, bytes_each)

    def do_create_table(self, component: str, table: str) -> None:
        """Make an empty table."""
        self._backend.store.create(component, table, self._backend.store.commit_ts())

    def do_drop_table(self, component: str, table: str) -> None:
        """Drop a table."""
        self._backend.store.drop(component, table)

    def do_start_import(self, tables: dict[str, list[dict[str, Any]]], component: str, keep_ids: bool) -> str:
        """Begin an import."""
        return self._backend.imports.start(tables, component, keep_ids)

    def do_continue_import(self, import_id: str, rows: int | None) -> None:
        """Write rows of an import."""
        self._backend.imports.proceed(import_id, rows)

    def do_finish_import(self, import_id: str) -> None:
        """End an import well."""
        self._backend.imports.finish(import_id)

    def do_fail_import(self, import_id: str, state: str) -> None:
        """End an import badly."""
        self._backend.imports.fail(import_id, state)

    def do_imports(self) -> list[dict[str, Any]]:
        """Return the last imports."""
        return self._backend.imports.listed()

    def do_state_at(self, ts: int | None) -> dict[str, dict[str, str]]:
        """Return the truth."""
        return self._backend.store.state_at(self._backend.store.now() if ts is None else ts)

    def do_requests(self) -> list[dict[str, Any]]:
        """Return the log of requests."""
        return self._backend.requests

    def do_forget_requests(self) -> None:
        """Empty it."""
        self._backend.requests.clear()

    def do_faults_met(self) -> int:
        """Return how many requests met a fault."""
        return self._backend.faults.met

    def do_advance(self, seconds: float) -> None:
        """Move the clock."""
        self._backend.store.advance(seconds)


def _control_handler(control: Control) -> type[BaseHTTPRequestHandler]:
    class ControlHandler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            try:
                answer = {"value": control.call(request["call"], request["arguments"])}
            except (ConvexError, ValueError, KeyError, TypeError, AttributeError) as error:
                answer = {"error": f"{type(error).__name__}: {error}"}
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class's name)
            pass

    return ControlHandler


def main() -> None:
    """Serve until standard input ends."""
    key = f"convex-test|{secrets.token_hex(20)}"
    backend = Backend(key)
    handler = type("DeploymentHandler", (Handler,), {"backend": backend})
    servers = [Server(("127.0.0.1", 0), handler), Server(("127.0.0.1", 0), _control_handler(Control(backend, key)))]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    port, control_port = (server.server_address[1] for server in servers)
    print(json.dumps({"port": port, "control_port": control_port, "key": key}), flush=True)
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
