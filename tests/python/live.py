"""A deployment and a raw zone that follows it, for tests."""

import json
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conftest import PATIENCE_SECONDS, Extract, Result, assert_failed_clearly, tree
from convex_deployment.control import Deployment
from raw_zone_reader import Reader, State

FOLLOWED = frozenset(
    {"palettes", "palette_tags", "prompt_versions", "tag_batches", "palette_tag_refined", "refinement_batches"}
)


@dataclass
class Live:
    """Calls the command line in this process, and compares what landed with what the deployment has."""

    deployment: Deployment
    extract: Extract
    use: Callable[[str, str], None]
    """Sets the address and the key."""

    @property
    def raw(self) -> Path:
        """The raw zone."""
        return self.extract.raw

    def run(self, command: str, *arguments: str) -> tuple[dict[str, Any] | None, str]:
        """Run a command that has to succeed; return the run that landed, if one did, and what stderr says."""
        result = self.extract(command, *arguments, "--json")
        assert result.code == 0, result.err
        run = json.loads(result.out)
        return (run if run["run_id"] else None), result.err

    def sync(self, *arguments: str) -> dict[str, Any]:
        """Sync something that has changed, and check that what is visible is what the deployment has."""
        run, _ = self.run("sync", *arguments)
        assert run is not None
        self.check()
        return run

    def rests(self) -> None:
        """Sync where nothing has changed: nothing lands."""
        before = self.runs()
        assert self.run("sync")[0] is None
        assert self.runs() == before

    def fails(self, *arguments: str) -> str:
        """Run a command in vain: one clear line, which is returned, and no run."""
        before = self.runs()
        result = self.extract(*arguments)
        assert_failed_clearly(Result(result.code, result.out, result.err[result.err.rindex("extract: ") :]))
        assert self.runs() == before
        return result.err

    def check(self) -> None:
        """Check that every followed table is there, byte by byte, and nothing else."""
        assert self.visible() == self.truth()

    def visible(self) -> State:
        """Return what a build would see."""
        return Reader(self.raw).state()

    def truth(self) -> State:
        """Return what the deployment has of the tables that are followed."""
        return followed(self.deployment.state())

    def runs(self) -> list[dict[str, Any]]:
        """Return the summaries of the visible runs."""
        return Reader(self.raw).runs()

    def requests(self, path: str = "/api/v1/data/sync") -> list[dict[str, Any]]:
        """Return the requests for a path."""
        return [request for request in self.deployment.requests() if request["path"] == path]

    def functions(self, name: str) -> int:
        """Return how often a system function was asked for."""
        return sum(name in request["body"] for request in self.requests("/api/query"))

    def left_behind(self) -> set[str]:
        """Return the files outside the visible runs."""
        return {name for name in tree(self.raw) if name.startswith(".") and not name.endswith("lock")}


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until something is so, however busy the machine is."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@contextmanager
def meanwhile(act: Callable[[], object]) -> Generator[None]:
    """Do something beside the block, which mostly begins with `wait_for`; what goes wrong there fails the test."""
    with ThreadPoolExecutor(1) as pool:
        acting = pool.submit(act)
        yield
        acting.result(timeout=PATIENCE_SECONDS)


def followed(state: State) -> State:
    """Return the tables that are followed and have documents."""
    return {name: table for name, table in state.items() if name in FOLLOWED and table}
