"""Start a deployment and steer it: what tests import."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]


class Deployment:
    """A running deployment. Its control port meets no faults and needs no key."""

    def __init__(self, process: subprocess.Popen[str], port: int, control_port: int, key: str):
        self.url = f"http://127.0.0.1:{port}"
        self.key = key
        self.pid = process.pid
        self._control = httpx.Client(base_url=f"http://127.0.0.1:{control_port}", timeout=300, trust_env=False)

    @classmethod
    @contextmanager
    def start(cls, **settings: Any) -> Generator["Deployment"]:
        """Start one for the time of a `with` block; `settings` are those of `convex_deployment.settings`."""
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
        command = [sys.executable, "-m", "convex_deployment"]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True) as process:
            try:
                assert process.stdout is not None
                deployment = cls(process, **json.loads(process.stdout.readline()))
                deployment.configure(**settings)
                yield deployment
                deployment._control.close()
            finally:
                process.kill()

    def _call(self, name: str, **arguments: Any) -> Any:
        answer = self._control.post("/", json={"call": name, "arguments": arguments}).json()
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["value"]

    def restart(self) -> None:
        """Be as one that was just started, for the next test. The key stays."""
        self._call("restart")

    def configure(self, **settings: Any) -> None:
        """Change settings."""
        if settings:
            self._call("configure", settings=settings)

    def scoped_key(self, *permissions: str) -> str:
        """Return a new key that may do just this."""
        return self._call("scoped_key", permissions=permissions)

    def insert(self, table: str, *fields: dict[str, Any], component: str = "") -> list[str]:
        """Insert documents in one transaction, and return their ids."""
        return self._call("transaction", operations=[["insert", component, table, one] for one in fields])

    def transaction(self, operations: list[list[Any]]) -> list[str | None]:
        """Commit `["insert", component, table, fields]`, `["replace", id, fields]` and `["delete", id]` as one."""
        return self._call("transaction", operations=operations)

    def fill(self, table: str, count: int, bytes_each: int = 700, component: str = "") -> None:
        """Insert many documents like those of the app."""
        self._call("fill", component=component, table=table, count=count, bytes_each=bytes_each)

    def create_table(self, table: str, component: str = "") -> None:
        """Make an empty table."""
        self._call("create_table", component=component, table=table)

    def drop_table(self, table: str, component: str = "") -> None:
        """Drop a table."""
        self._call("drop_table", component=component, table=table)

    def start_import(self, tables: dict[str, list[dict[str, Any]]], component: str = "", keep_ids: bool = False) -> str:
        """Begin what `npx convex import --replace` does, and return the import's id."""
        return self._call("start_import", tables=tables, component=component, keep_ids=keep_ids)

    def continue_import(self, import_id: str, rows: int | None = None) -> None:
        """Write some of its rows, or all."""
        self._call("continue_import", import_id=import_id, rows=rows)

    def finish_import(self, import_id: str) -> None:
        """Write the rest, and put the tables in place."""
        self._call("finish_import", import_id=import_id)

    def fail_import(self, import_id: str, state: str = "failed") -> None:
        """End it in vain."""
        self._call("fail_import", import_id=import_id, state=state)

    def imports(self) -> list[dict[str, Any]]:
        """Return the last 20 imports as the deployment reports them, the newest first."""
        return self._call("imports")

    def state(self) -> dict[str, dict[str, str]]:
        """Return the truth: texts by id, by table."""
        return self._call("state_at", ts=None)

    def state_at(self, ts: int) -> dict[str, dict[str, str]]:
        """Return what was true at a timestamp."""
        return self._call("state_at", ts=ts)

    def requests(self) -> list[dict[str, Any]]:
        """Return what was asked of the deployment so far."""
        return self._call("requests")

    def answered(self, at_least: int = 0, seconds: float = 60) -> int:
        """Return how many requests were answered, faults among them, once they are `at_least`, or after `seconds`.

        It is a cheap measure of how far a client has come.
        """
        return self._call("answered", at_least=at_least, seconds=seconds)

    @contextmanager
    def when_asked(self, path: str, act: Callable[[], object], body: str = "", times: int = 1) -> Generator[None]:
        """Do something while the block runs, once requests were answered whose path begins so and whose body has this.

        Afterwards it is an error if nobody asked so many times.
        """
        wanted, has_ended, acted = self._answered_at(path, body) + times, threading.Event(), []

        def watch() -> None:
            is_last = False
            while not acted and not is_last:
                is_last = has_ended.wait(0.01)
                if self._answered_at(path, body) >= wanted:
                    acted.append(act())

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield
        finally:
            has_ended.set()
            thread.join()
        assert acted, f"nobody asked for {path}"

    def _answered_at(self, path: str, body: str) -> int:
        asked = (r for r in self.requests() if r["path"].startswith(path) and body in r["body"])
        return sum("status" in request for request in asked)

    def forget_requests(self) -> None:
        """Begin the log of requests from scratch."""
        self._call("forget_requests")

    def faults_met(self) -> int:
        """Return how many requests met a fault."""
        return self._call("faults_met")

    def advance(self, seconds: float) -> None:
        """Move the deployment's clock on."""
        self._call("advance", seconds=seconds)
