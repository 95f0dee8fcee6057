"""The proof that a sync loses nothing: a deployment that never rests, a network that fails, a process that is killed.

`make soak` runs it. A deployment is changed all the time, with inserts, updates, deletes, imports that go well and that
don't, tables dropped and made again; a fifth of all requests meets a fault; `extract sync --watch` and now and then
`extract compact` are ended with SIGKILL at random moments. After each kill, what a build would see then has to be a
state that the deployment really had. At the end, when all is quiet, it has to be the deployment's state, byte by byte.

No outcome hangs on the clock, so that a busy machine makes it slow, not wrong: a process is killed when the deployment
has answered a drawn number of requests, the deployment changes so often per request, and imports take so many changes.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from convex_deployment.control import ROOT, Deployment
from convex_deployment.faults import SOAKED
from raw_zone_reader import Reader, State
from rich.console import Console
from rich.table import Table

FOLLOWED = ("palettes", "palette_tags", "prompt_versions", "tag_batches", "palette_tag_refined", "refinement_batches")
BYSTANDERS = ("users", "palette_tag_consensus")
ODD_TEXTS = ("凉", "🌊", "a\x00b", '"', "\\", "\u2028", "e\u0301", "x" * 3000, "")
PAGE_PATHS = ("/api/v1/data/sync", "/api/list_snapshot", "/api/document_deltas")
TRANSACTIONS, OLDER_API_TRANSACTIONS = 1.0, 0.3
"""For each request that is answered. The older API's small pages couldn't follow more beside faults and kills."""
MOST_REQUESTS, MOST_REQUESTS_BESIDE_COMPACT = 100, 60
"""Answered at most until a process is killed: enough for a few rounds of a sync."""
JITTER_SECONDS = 0.1
"""What may pass after that, so that kills meet what is done between two requests as well."""
STILL_SECONDS = 300
STILL = f"nothing was asked of the deployment for {STILL_SECONDS} seconds"
LOOK_SECONDS = 0.5
"""How long one waits for a request before one looks whether anybody still asks."""
KILLS_PER_STATE = 3
"""At most: a soak goes on until as many states were compared."""
MOST_STARTS_PER_KILL = 5
COMPACT_AFTER = 4
"""Runs that may be active: few, so that the sync compacts them all the time."""
MEANINGFUL_FAILURE = "kept being imported, dropped or made"


class Churn(threading.Thread):
    """Changes a deployment, so many times for each request that it answers, until it is told to stop."""

    def __init__(self, deployment: Deployment, seed: int, transactions: float):
        super().__init__(daemon=True)
        self.done: Counter[str] = Counter()
        self.error: BaseException | None = None
        self._deployment = deployment
        self._transactions = transactions
        self._random = random.Random(seed)
        self._ids: dict[str, list[str]] = {}
        self._import: tuple[str, str, int] | None = None
        """Its id, its table, and the steps that it still takes."""
        self._stopping = threading.Event()

    def run(self) -> None:
        """Change something as often as the requests allow: whoever asks can follow, however slow the machine is."""
        made = answered = 0
        try:
            while not self._stopping.is_set():
                answered = self._deployment.answered(at_least=answered + 1, seconds=LOOK_SECONDS)
                while made < answered * self._transactions and not self._stopping.is_set():
                    self._step()
                    made += 1
            if self._import:
                self._deployment.finish_import(self._import[0])
        except BaseException as error:  # handed to the thread that stops this one
            self.error = error

    def stop(self) -> None:
        """Let the last import end, and return when nothing changes any more."""
        self._stopping.set()
        self.join()
        if self.error:
            raise self.error

    def _step(self) -> None:
        chance = self._random.random()
        table = self._random.choice(FOLLOWED + BYSTANDERS)
        if self._import:
            self._proceed_with_import()
        elif chance < 0.004:
            self._start_import(table)
        elif chance < 0.010 and table in self._ids:
            self._drop(table)
        else:
            self._transact(table)

    def _transact(self, table: str) -> None:
        ids = self._ids.setdefault(table, [])
        operations: list[list[Any]] = []
        for _ in range(self._random.choice((1, 1, 2, 5, 40))):
            kind = self._random.choices(("insert", "replace", "delete"), (5, 3, 2))[0]
            if kind == "insert" or not ids:
                operations.append(["insert", "", table, self._fields()])
            elif kind == "replace":
                operations.append(["replace", self._random.choice(ids), self._fields()])
            else:
                operations.append(["delete", ids.pop(self._random.randrange(len(ids)))])
        deleted = {operation[1] for operation in operations if operation[0] == "delete"}
        operations = [o for o in operations if o[0] != "replace" or o[1] not in deleted]
        ids += [one for one in self._deployment.transaction(operations) if one]
        self.done.update(operation[0] for operation in operations)

    def _fields(self) -> dict[str, Any]:
        return {
            "seed": f"{self._random.randrange(1 << 32):08x}",
            "count": self._random.choice((0, 3, 2**53 + 1, -(2**63), 3.0, 1e16, -0.0, 1e-5)),
            "tags": self._random.choices(ODD_TEXTS, k=self._random.randrange(4)),
            "odd key ": {"_nested": None},
        }

    def _drop(self, table: str) -> None:
        self._deployment.drop_table(table)
        del self._ids[table]
        self.done["drop"] += 1
        if self._random.random() < 0.5:  # and made again at once: by its name, nobody could tell
            self._transact(table)

    def _start_import(self, table: str) -> None:
        rows = [self._fields() for _ in range(self._random.randrange(60))]
        import_id = self._deployment.start_import({table: rows})
        self._import = import_id, table, self._random.randrange(20)

    def _proceed_with_import(self) -> None:
        if self._import is None:
            return
        import_id, table, steps = self._import
        if steps:
            self._import = import_id, table, steps - 1
            self._deployment.continue_import(import_id, self._random.randrange(10))
            if self._random.random() < 0.5 and table in self._ids:
                self._transact(table)  # the table can still be written; what is written then is lost at the swap
            return
        if self._random.random() < 0.15:
            self._deployment.fail_import(import_id, self._random.choice(("failed", "canceled")))
            self.done["failed import"] += 1
        else:
            self._deployment.finish_import(import_id)
            self._ids[table] = [*self._deployment.state().get(table, {})]
            self.done["import"] += 1
        self._import = None


class Soak:
    """One soak. `figures` counts what happened, `mismatches` says what should not have."""

    def __init__(self, deployment: Deployment, raw: Path, seed: int):
        self.figures: Counter[str] = Counter()
        self.mismatches: list[str] = []
        self._deployment = deployment
        self._raw = raw
        self._reader = Reader(raw)
        self._random = random.Random(seed)
        self._seen: list[str] = []
        self._environment = {
            **os.environ,
            "CONVEX_URL": deployment.url,
            "CONVEX_DEPLOY_KEY": deployment.key,
            "RAW_DIR": str(raw),
            "COMPACT_AFTER": str(COMPACT_AFTER),
            "PYTHONPATH": str(ROOT),
        }

    def kill(self, times: int, churn: Churn, progress: Console | None) -> None:
        """Start and kill so many times, and on until enough states were compared, or something was wrong."""
        states, starts = times // KILLS_PER_STATE, 0
        while (self.figures["kills"] < times or self.figures["states compared"] < states) and churn.is_alive():
            self._kill_once()
            starts += 1
            if starts > times * MOST_STARTS_PER_KILL:
                self.mismatches.append(f"{starts} starts were too few for {times} kills and {states} states compared")
            if progress:
                progress.print(f"{self.figures['kills']} of {times} kills, {len(self.mismatches)} mismatches", end="\r")
            if self.mismatches:
                break

    def _kill_once(self) -> None:
        """Let a sync run for a moment, sometimes a `compact` beside it, kill them, and look at what is visible."""
        with self._started("sync", "--watch", "0.1") as sync:
            self._wait_for_requests(MOST_REQUESTS, sync)
            if self._random.random() < 0.2:
                with self._started("compact", "--keep", self._random.choice(("0s", "1h"))) as compact:
                    self._wait_for_requests(MOST_REQUESTS_BESIDE_COMPACT, sync, compact)
                    self.figures["compactions killed"] += compact.poll() is None
            self.figures["kills"] += sync.poll() is None
        self.check()

    def _wait_for_requests(self, most: int, *processes: subprocess.Popen[bytes]) -> None:
        """Wait until a drawn number of requests is answered, and a moment more."""
        if not wait_for_requests(self._deployment, self._random.randrange(most), *processes):
            self.mismatches.append(STILL)
        time.sleep(self._random.uniform(0, JITTER_SECONDS))

    def check(self) -> None:
        """Compare what is visible now, if it isn't what was, with what the deployment had at the run's timestamp."""
        runs = self._reader.runs()
        if not runs or (visible := [run["run_id"] for run in runs]) == self._seen:
            return
        self._seen, run = visible, runs[-1]
        self.figures["states compared"] += 1
        self.figures[f"  of {run['source']['type']} runs"] += 1
        self._compare(self._deployment.state_at(run["snapshot_ts"]), f"run {run['run_id']} ({run['source']['type']})")

    def finish(self) -> None:
        """When nothing changes any more, sync to the end, and compare everything."""
        for _ in range(5):
            result = subprocess.run(
                self._command("sync", "--json"), env=self._environment, capture_output=True, cwd=ROOT
            )
            if result.returncode == 0 and json.loads(result.stdout)["run_id"] is None:
                break
        else:
            self.mismatches.append(f"the sync didn't come to an end: {result.stderr.decode()[-300:]}")
        self._compare(self._deployment.state(), "the end")
        self.figures["documents at the end"] = sum(map(len, self._reader.state().values()))
        self.mismatches += [f"set aside: {row}" for row in self._reader.rejected()[:5]]

    def _compare(self, truth: State, moment: str) -> None:
        seen = self._reader.state()
        wanted = {name: table for name, table in truth.items() if name in FOLLOWED and table}
        for name in sorted({*seen, *wanted}):
            have, want = seen.get(name, {}), wanted.get(name, {})
            if have != want:
                extra, missing = {*have} - {*want}, {*want} - {*have}
                other = sum(have[key] != want[key] for key in {*have} & {*want})
                counts = f"{len(extra)} extra, {len(missing)} missing, {other} different of {len(want)}"
                self.mismatches.append(f"{moment}: {name}: {counts}")

    @contextmanager
    def _started(self, *arguments: str) -> Generator[subprocess.Popen[bytes]]:
        with tempfile.TemporaryFile() as errors:
            with subprocess.Popen(
                self._command(*arguments), env=self._environment, stdout=subprocess.DEVNULL, stderr=errors, cwd=ROOT
            ) as process:
                yield process
                ended = process.poll()
                process.kill()
            errors.seek(0)
            said = errors.read().decode()
        if ended not in (None, 0):
            if MEANINGFUL_FAILURE in said or "another process is writing" in said:
                self.figures["ended by itself, saying why"] += 1
            else:
                self.mismatches.append(f"{arguments[0]} ended with {ended}: {said[-600:]}")

    @staticmethod
    def _command(*arguments: str) -> list[str]:
        allowed = [argument for table in FOLLOWED for argument in ("--allow-shrink", table)]  # as tables are dropped
        return [sys.executable, "-m", "extract", *arguments, *(allowed if arguments[0] == "sync" else [])]


def wait_for_requests(deployment: Deployment, count: int, *processes: subprocess.Popen[bytes]) -> bool:
    """Wait until so many more requests are answered or one of the processes has ended; False: nothing moves."""
    answered = deployment.answered()
    wanted, moved_at = answered + count, time.monotonic()
    while answered < wanted and all(process.poll() is None for process in processes):
        before, answered = answered, deployment.answered(at_least=wanted, seconds=LOOK_SECONDS)
        if answered > before:
            moved_at = time.monotonic()
        elif time.monotonic() > moved_at + STILL_SECONDS:
            return False
    return True


def soak(kills: int, seed: int, older_api: bool = False, progress: Console | None = None) -> Soak:
    """Run a soak until `kills` processes were killed and enough states were compared, and return it."""
    faults = {"rate": 0.2, "seed": seed, "pause": 0.002, "kinds": SOAKED}
    settings: dict[str, Any] = {"page_entries": 40, "log_rows": 200, "snapshot_page": 100, "delta_rows": 128}
    if older_api:
        settings["data_sync"] = "missing"
    raw = Path(tempfile.mkdtemp(prefix="soak-"))
    try:
        with Deployment.start(**settings, freshness_rows=100, faults=faults) as deployment:
            run = Soak(deployment, raw / "raw", seed)
            churn = Churn(deployment, seed, OLDER_API_TRANSACTIONS if older_api else TRANSACTIONS)
            churn.start()
            run.kill(kills, churn, progress)
            churn.stop()
            requests = deployment.requests()
            pages = sum(request["path"] in PAGE_PATHS for request in requests)
            run.figures |= {"requests": len(requests), "pages asked for": pages}
            run.figures["requests that met a fault"] = deployment.faults_met()
            run.figures["kinds of faults met"] = len({request["fault"] for request in requests} - {None})
            deployment.configure(faults={})
            run.finish()
            run.figures |= {f"{name}s on the deployment": count for name, count in sorted(churn.done.items())}
            run.figures["mismatches"] = len(run.mismatches)
            return run
    finally:
        shutil.rmtree(raw, ignore_errors=True)


def main() -> int:
    """Run the soak that the command line asks for, print its figures, and return 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200, help="how many processes to kill (200)")
    parser.add_argument("--seed", type=int, default=1, help="another seed, other moments (1)")
    parser.add_argument("--older-api", action="store_true", help="against a deployment without the Data Sync API")
    options = parser.parse_args()
    errors = Console(stderr=True)
    run = soak(options.kills, options.seed, options.older_api, errors if errors.is_terminal else None)
    table = Table("what", "number", title=f"seed {options.seed}, {'older API' if options.older_api else 'Data Sync'}")
    for name, count in run.figures.items():
        table.add_row(name, f"{count:,}")
    Console(width=80).print(table)
    for mismatch in run.mismatches:
        print(mismatch, file=sys.stderr)
    return 1 if run.mismatches else 0


if __name__ == "__main__":
    sys.exit(main())
