"""The proof that a push replaces all or nothing: proxies and networks that fail, and pushers that are killed.

`make soak-publish` runs it too. A fifth of all requests meets a fault, and half of the pushers are ended with SIGKILL
when the deployment has answered a drawn number of their requests. After each, our tables hold what they held or what
was pushed, never a mixture; a pusher that ended by itself has brought what it pushed, and leaves no import behind.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from convex_deployment.control import ROOT, Deployment
from convex_deployment.faults import SOAKED
from released import consensus, run, write_release
from soak import LOOK_SECONDS, STILL, STILL_SECONDS, wait_for_requests

FAULT_RATE = 0.2
MOST_REQUESTS = 40
"""Answered at most until a pusher is killed: about as many as a push needs beside these faults."""
IMPORT_SECONDS = 0.1
MOST_STARTS_PER_KILL = 5
OTHERS = {"palettes": [{"seed": "a"}, {"seed": "b"}]}
WAITING = frozenset({"uploaded", "waiting_for_confirmation"})

Tables = dict[str, list[str]]
"""The documents of each table without what Convex adds, in the order of their text."""


@dataclass
class PushSoak:
    """One soak. `figures` counts what happened, `mismatches` says what should not have."""

    deployment: Deployment
    folder: Path
    seed: int
    figures: Counter[str] = field(default_factory=lambda: Counter({"pushes": 0, "kills": 0}))
    mismatches: list[str] = field(default_factory=list)
    left: set[str] = field(default_factory=set)
    """Imports that a killed pusher has left to be confirmed, as nobody was there to cancel them."""

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._number = 0
        self._holds = self._ours()

    def run(self, pushes: int, kills: int) -> None:
        """Push and kill so many times, until something was wrong."""
        while not self.mismatches and (self.figures["pushes"] < pushes or self.figures["kills"] < kills):
            wants_kill = self.figures["kills"] < kills
            self.push(wants_kill and (self.figures["pushes"] >= pushes or self._random.random() < 0.5))
            if self._number > pushes + kills * MOST_STARTS_PER_KILL:
                self.mismatches.append(f"{self._number} pushes were too few for {kills} kills")

    def push(self, is_doomed: bool) -> None:
        """Push the next release, and perhaps kill the pusher; look at what the deployment holds then."""
        self._number += 1
        moment = datetime(2030, 1, 1, tzinfo=UTC) + timedelta(seconds=self._number)
        build_id = f"{moment:%Y%m%dT%H%M%SZ}-{self._number:012x}"
        rows = consensus(self._random.randrange(30, 40), said=(f"tag {self._number}", "凉"))
        write_release(self.folder, rows, build_id)
        pushed = _sorted({"palette_tag_consensus": rows, "analytics_runs": [run(build_id, len(rows))]})
        code, said = self._run_pusher(is_doomed)
        self._wait_for_imports(build_id)
        now = self._ours()
        if code is None:
            self.figures["kills"] += 1
            self.figures["  after the import was confirmed"] += now == pushed
            wanted = (self._holds, pushed)
        else:
            self.figures["pushes"] += 1
            wanted = (pushed,)
        if now not in wanted:
            self.mismatches.append(f"build {build_id} ({code}): our tables hold something else: {said[-600:]}")
        if code:
            self.mismatches.append(f"build {build_id} ended with {code}: {said[-600:]}")
        self._holds = now
        self._check_left(build_id, code is None, said)
        if self._documents(OTHERS) != _sorted(OTHERS):
            self.mismatches.append(f"build {build_id}: tables that aren't ours have changed")

    def _run_pusher(self, is_doomed: bool) -> tuple[int | None, str]:
        """Return the exit code, None where it was killed, and what it said."""
        environment = {
            **os.environ,
            "CONVEX_URL": self.deployment.url,
            "CONVEX_PUBLISH_KEY": self.deployment.key,
            "PUBLISH_DIR": str(self.folder),
            "PYTHONPATH": str(ROOT),
        }
        command = [sys.executable, "-m", "publish", "push", "-v"]
        wanted = self._random.randrange(MOST_REQUESTS) if is_doomed else sys.maxsize
        with tempfile.TemporaryFile() as errors:
            with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=errors) as process:
                if not wait_for_requests(self.deployment, wanted, process):
                    self.mismatches.append(STILL)
                code = process.poll()
                process.kill()
            errors.seek(0)
            return code, errors.read().decode()

    def _wait_for_imports(self, build_id: str) -> None:
        """Wait until what was confirmed has taken place, pusher or not."""
        deadline = time.monotonic() + STILL_SECONDS
        while any(job["state"]["state"] == "in_progress" for job in self.deployment.imports()):
            if time.monotonic() > deadline:
                self.mismatches.append(f"build {build_id}: its import didn't end in {STILL_SECONDS} seconds")
                return
            time.sleep(LOOK_SECONDS / 5)

    def _check_left(self, build_id: str, was_killed: bool, said: str) -> None:
        waiting = {job["_id"] for job in self.deployment.imports() if job["state"]["state"] in WAITING} - self.left
        if was_killed:
            self.left |= waiting
            self.figures["  leaving an import unconfirmed"] += bool(waiting)
        elif untold := {job for job in waiting if job not in said}:
            self.mismatches.append(f"build {build_id} left {untold}, and told nobody: {said[-600:]}")

    def _ours(self) -> Tables:
        return self._documents(("palette_tag_consensus", "analytics_runs"))

    def _documents(self, tables: Any) -> Tables:
        state = self.deployment.state()
        parsed = {table: [json.loads(text) for text in state.get(table, {}).values()] for table in tables}
        return _sorted(
            {
                table: [{name: value for name, value in row.items() if name[0] != "_"} for row in rows]
                for table, rows in parsed.items()
            }
        )


def _sorted(tables: dict[str, list[dict[str, Any]]]) -> Tables:
    return {table: sorted(json.dumps(row, sort_keys=True) for row in rows) for table, rows in tables.items()}


def soak_pushes(pushes: int, kills: int, seed: int) -> tuple[Counter[str], list[str]]:
    """Push to a deployment of its own; return what happened how often, and what should not have."""
    faults = {"rate": FAULT_RATE, "seed": seed, "pause": 0.002, "kinds": SOAKED}
    with (
        tempfile.TemporaryDirectory(prefix="soak-") as folder,
        Deployment.start(import_seconds=IMPORT_SECONDS, faults=faults) as deployment,
    ):
        for table, rows in OTHERS.items():
            deployment.insert(table, *rows)
        pushing = PushSoak(deployment, Path(folder), seed)
        pushing.run(pushes, kills)
        deployment.configure(faults={})
        pushing.push(is_doomed=False)
        requests = deployment.requests()
        pushing.figures["requests"] = len(requests)
        pushing.figures["requests that met a fault"] = deployment.faults_met()
        pushing.figures["kinds of faults met"] = len({request["fault"] for request in requests} - {None})
        return pushing.figures, pushing.mismatches
