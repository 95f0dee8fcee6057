"""`publish push`: replace our two tables on a Convex deployment by those of a published set, all at once or not at all.

The steps are those of `npx convex import --replace` (convex-backend, `crates/local_backend/src/snapshot_import.rs`):
upload in parts, wait until the deployment has looked at the archive, confirm, wait until it has swapped the tables in
one transaction. Between looking and confirming stands the check of what would be replaced.

What a lost answer means is thought through step by step, as no step but `upload_part` carries a key of its own:

- `start_upload`, `upload_part`: asked again. An upload that nobody finishes is forgotten; a part replaces itself.
- `finish_upload`: asked once, since an upload that was finished can't be finished again. Its answer lost, an import may
  wait to be confirmed: it is looked for and cancelled, and the upload begins anew.
- `perform_import`: asked once, and again only while the import still waits to be confirmed.
- `cancel_import`: asked again; "has ended already" is as good.
"""

import json
import math
import shlex
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from tenacity import Retrying, retry_if_exception_type, stop_after_delay
from tenacity.wait import wait_exponential_jitter

from extract.client import ApiError, Client, NoAnswer
from extract.errors import ExtractError
from extract.queries import Queries
from extract.rawzone import TableName
from extract.text import visible
from publish.convex import RUNS_TABLE as RUNS
from publish.convex import TABLE as CONSENSUS
from publish.convex_archive import TABLES, Archive
from publish.errors import PublishError
from publish.sets import BUILD_ID

KEYS = ("CONVEX_PUBLISH_KEY",)
"""The key that reads a deployment is never the one that may replace its tables."""
SMALLEST_PART_BYTES = 5 * 1024 * 1024
MOST_PARTS = 9_999
WAITING = "waiting_for_confirmation"
FIRST_POLL_SECONDS, LONGEST_POLL_SECONDS = 0.1, 5.0
CLEANING_SECONDS = 20
"""The longest that is spent on cancelling an import."""

Report = Callable[[str], None]
Progress = Callable[[str, int, int], None]
"""Gets what is under way, and how much of how much is done."""


@dataclass(frozen=True)
class TableChange:
    """What an import does to one table: rows that it writes, and rows that were there."""

    name: str
    rows: int
    replaced_rows: int


@dataclass(frozen=True)
class Pushed:
    """What came of a push. `outcome` is `pushed`, `unchanged` (it was there already) or `dry_run`."""

    outcome: str
    build_id: str
    deployment: str
    replaced_build_id: str | None
    tables: tuple[TableChange, ...]
    npx: str


@dataclass(frozen=True)
class Published:
    """What our tables on the deployment hold: their rows, and what the last push that is known wrote."""

    rows: dict[str, int]
    build_id: str | None
    pushed_rows: dict[str, int]


class _State(msgspec.Struct):
    state: str
    error_message: str = ""
    progress_message: str | None = None
    num_rows_written: int | None = None


class _Checkpoint(msgspec.Struct):
    display_table_name: str
    total_num_rows_to_write: int
    existing_rows_to_delete: int
    component_path: str | None = None


class _Import(msgspec.Struct):
    """An import, as far as this module needs to know it (convex-backend, `crates/model/src/snapshot_imports`)."""

    state: _State
    mode: str = ""
    checkpoints: list[_Checkpoint] | None = None

    def rows(self) -> dict[str, int]:
        """Return the rows that it writes to each table."""
        return {_place(told): told.total_num_rows_to_write for told in self.checkpoints or ()}


def push(
    archive: Archive,
    client: Client,
    overwrite: bool = False,
    dry_run: bool = False,
    wait_seconds: float = 3600,
    retry_seconds: float = 600,
    report: Report = lambda _text: None,
    progress: Progress = lambda _name, _done, _total: None,
) -> Pushed:
    """Replace our tables on the deployment by those of the archive.

    Without `overwrite` it replaces only what an earlier push wrote, as the table `analytics_runs` tells, and by nothing
    older. `progress` gets bytes. Raises PublishError or ExtractError, having cancelled the import: then nothing was
    replaced, or the message says otherwise.
    """
    return _Push(archive, client, overwrite, dry_run, wait_seconds, retry_seconds, report, progress).run()


class _Push:
    def __init__(
        self,
        archive: Archive,
        client: Client,
        overwrite: bool,
        dry_run: bool,
        wait_seconds: float,
        retry_seconds: float,
        report: Report,
        progress: Progress,
    ):
        self._archive = archive
        self._client = client
        self._once = Client(client.deployment, retry_seconds=0)
        self._cleaner = Client(client.deployment, min(retry_seconds, CLEANING_SECONDS))
        self._queries = Queries(client)
        self._cleaning = Queries(self._cleaner)
        self._overwrite = overwrite
        self._dry_run = dry_run
        self._wait_seconds = wait_seconds
        self._retry_seconds = retry_seconds
        self._report = report
        self._progress = progress
        self._url = client.deployment.url

    def run(self) -> Pushed:
        with self._once, self._cleaner:
            try:
                return self._run()
            except KeyboardInterrupt:
                raise PublishError("interrupted. Nothing was replaced") from None

    def _run(self) -> Pushed:
        before = self._published(self._queries)
        if before.build_id == self._archive.build_id and before.rows == self._archive.rows and not self._overwrite:
            return self._result("unchanged", before, [])
        self._refuse_older(before)
        self._refuse_beside_another()
        import_id = self._uploaded()
        try:
            changes = self._checked(self._waiting(import_id), before)
            if self._dry_run:
                self._cancel(import_id)
                return self._result("dry_run", before, changes)
            self._refuse_beside_another()
            if self._published(self._queries) != before:
                raise PublishError(f"the tables changed on {self._url} since they were looked at: push again")
            self._performed(import_id)
        except KeyboardInterrupt:
            raise PublishError(f"interrupted. {self._ended(import_id, before)}") from None
        except (PublishError, ExtractError) as error:
            raise PublishError(f"{error}. {self._ended(import_id, before)}") from error
        return self._result("pushed", before, changes)

    def _result(self, outcome: str, before: Published, changes: list[TableChange]) -> Pushed:
        return Pushed(
            outcome,
            self._archive.build_id,
            self._client.deployment.name,
            before.build_id,
            tuple(changes),
            npx_command(self._archive.path),
        )

    # What is there

    def _published(self, queries: Queries) -> Published:
        ours = {table: TableName("", table) for table in TABLES}
        there = queries.tables([""])
        rows = {table: queries.size(name) if name in there else 0 for table, name in ours.items()}
        run = (queries.oldest(ours[RUNS]) or {}) if rows[RUNS] == 1 else {}
        build_id, written = run.get("buildId"), run.get("consensusRows")
        if not BUILD_ID.fullmatch(str(build_id)) or not isinstance(written, float | int):
            return Published(rows, None, dict.fromkeys(TABLES, 0))
        return Published(rows, build_id, {CONSENSUS: int(written), RUNS: 1})

    def _refuse_older(self, before: Published) -> None:
        if before.build_id and before.build_id > self._archive.build_id and not self._overwrite:
            raise PublishError(
                f"{self._url} has build {visible(before.build_id)}, which is newer than {self._archive.build_id}: "
                "publish anew, or go back with --overwrite"
            )

    def _refuse_beside_another(self) -> None:
        if running := [job.id for job in self._queries.imports() if job.is_running]:
            raise PublishError(
                f"another import is running on {self._url} ({visible(running[0])}): push again when it is done"
            )

    # Uploading

    def _uploaded(self) -> str:
        """Upload the archive, and return the id of the import that waits for it to be looked at."""
        known = {job.id for job in self._queries.imports()}
        retrying = Retrying(
            retry=retry_if_exception_type(NoAnswer),
            wait=wait_exponential_jitter(multiplier=FIRST_POLL_SECONDS, max=LONGEST_POLL_SECONDS),
            stop=stop_after_delay(self._retry_seconds),
            reraise=True,
        )
        return retrying(self._upload, known)

    def _upload(self, known: set[str]) -> str:
        token = self._client.request("POST", "/api/import/start_upload", read=_text_at("uploadToken"))
        part_tokens = []
        for number, part in enumerate(self._parts(), 1):
            params = {"uploadToken": token, "partNumber": str(number)}
            part_tokens.append(
                self._client.request("POST", "/api/import/upload_part", params=params, body=part, read=_text)
            )
            self._progress("upload", self._archive.file.tell(), self._archive.size)
        wanted = {"mode": "replace", "format": "zip"}
        body = {"import": wanted, "uploadToken": token, "partTokens": part_tokens}
        try:
            return self._once.request("POST", "/api/import/finish_upload", body=body, read=_text_at("importId"))
        except (NoAnswer, KeyboardInterrupt):
            self._report("it isn't known whether the upload was finished: looking for what came of it")
            self._cancel_leftovers(known)
            raise

    def _parts(self) -> Iterator[bytes]:
        self._archive.file.seek(0)
        size = max(SMALLEST_PART_BYTES, math.ceil(self._archive.size / MOST_PARTS))
        while part := self._archive.file.read(size):
            yield part

    def _cancel_leftovers(self, known: set[str]) -> None:
        """Cancel what the lost answer may have told of: a new import, still unconfirmed, with just our rows."""
        try:
            for import_id in [job.id for job in self._cleaning.imports() if job.id not in known]:
                job = self._after_upload(import_id, self._cleaning, CLEANING_SECONDS)
                if job.state.state == WAITING and job.rows() == self._archive.rows:
                    self._cancel(import_id)
        except (PublishError, ExtractError) as error:
            self._report(
                f"what came of it can't be told: an import may wait, unconfirmed, which harms nothing ({error})"
            )

    # From one state to the next

    def _import(self, import_id: str, queries: Queries) -> _Import:
        content = queries.one_import(import_id)
        try:
            return msgspec.convert(content, type=_Import, strict=False)
        except msgspec.ValidationError as error:
            raise PublishError(f"{self._url} tells of its import in an unknown form ({error})") from error

    def _after_upload(self, import_id: str, queries: Queries, wait_seconds: float) -> _Import:
        """Wait until the deployment has looked at the archive."""
        for _ in self._pauses(wait_seconds):
            job = self._import(import_id, queries)
            if job.state.state != "uploaded":
                return job
        raise PublishError(f"{self._url} hasn't looked at the archive in time: give it longer with --wait")

    def _waiting(self, import_id: str) -> _Import:
        """Wait until the deployment asks for confirmation, and return what it says of the import."""
        job = self._after_upload(import_id, self._queries, self._wait_seconds)
        if job.state.state == "failed":
            raise PublishError(f"{self._url} can't take the archive: {_shown(job.state.error_message)}")
        if job.state.state != WAITING:
            raise PublishError(
                f"the import is {visible(job.state.state)} on {self._url}, though nobody confirmed it here"
            )
        return job

    def _performed(self, import_id: str) -> None:
        """Confirm the import, and wait until the tables are swapped."""
        said = None
        for _ in self._pauses(self._wait_seconds):
            state = self._import(import_id, self._queries).state
            if state.state == WAITING:
                self._perform(import_id)
            elif state.state == "completed":
                return self._check_written(state)
            elif state.state == "failed":
                raise PublishError(f"the import failed on {self._url}: {_shown(state.error_message)}")
            elif state.state != "in_progress":
                raise PublishError(f"the import is in an unknown state on {self._url}: {visible(state.state)}")
            elif state.progress_message and state.progress_message != said:
                said = state.progress_message
                self._report(_shown(said))
        raise PublishError(f"the import on {self._url} isn't done yet: give it longer with --wait")

    def _perform(self, import_id: str) -> None:
        try:
            self._once.request("POST", "/api/perform_import", body={"importId": import_id}, read=_nothing)
        except NoAnswer:
            self._report("it isn't known whether the import was confirmed: looking at it")

    def _check_written(self, state: _State) -> None:
        total = sum(self._archive.rows.values())
        if state.num_rows_written != total:
            raise PublishError(
                f"{self._url} completed the import, and says that it wrote {state.num_rows_written} rows, not {total}: "
                "look at the tables, then push again with --overwrite"
            )

    def _ended(self, import_id: str, before: Published) -> str:
        """Cancel an import, and tell what became of it. Raises nothing of its own."""
        try:
            self._cancel(import_id)
            completed = {job.id for job in self._cleaning.imports() if job.state == "completed"}
            now = self._published(self._cleaning).build_id
        except (PublishError, ExtractError) as error:
            self._report(str(error))
            return f"Whether import {visible(import_id)} takes place isn't known: push again to find out"
        # Cancelled within the moment of the swap, it counts as failed, and the tables are swapped all the same.
        if import_id in completed or now == self._archive.build_id != before.build_id:
            return f"The import had taken place all the same: the deployment has build {now}"
        return "Nothing was replaced"

    def _cancel(self, import_id: str) -> None:
        try:
            self._cleaner.request("POST", "/api/cancel_import", body={"importId": import_id}, read=_nothing)
        except ApiError as error:
            if error.code != "CannotCancelImport":  # which says that it has ended
                raise

    @staticmethod
    def _pauses(wait_seconds: float) -> Generator[None]:
        """Yield, wait, and yield again, until the time is over."""
        pause, deadline = FIRST_POLL_SECONDS, time.monotonic() + wait_seconds
        yield
        while time.monotonic() < deadline:
            time.sleep(pause)
            pause = min(pause * 1.5, LONGEST_POLL_SECONDS)
            yield

    # The check

    def _checked(self, job: _Import, before: Published) -> list[TableChange]:
        """Return what the import would do. Raises PublishError unless that is just what is meant."""
        objection = self._objection(job, before)
        if objection:
            raise PublishError(f"the import wasn't confirmed: {objection}")
        told = {_place(checkpoint): checkpoint for checkpoint in job.checkpoints or ()}
        return [
            TableChange(table, told[table].total_num_rows_to_write, told[table].existing_rows_to_delete)
            for table in TABLES
        ]

    def _objection(self, job: _Import, before: Published) -> str | None:
        if job.mode.lower() != "replace":
            return f"its mode is {visible(job.mode) or 'unknown'}, not replace"
        checkpoints = job.checkpoints or []
        if others := sorted({_place(checkpoint) for checkpoint in checkpoints} - {*TABLES}):
            return f"it would replace other tables than ours: {_shown(', '.join(others))}"
        if len(checkpoints) != len(TABLES) or {*job.rows()} != {*TABLES}:
            return f"{self._url} doesn't name the tables {' and '.join(TABLES)}, once each"
        for checkpoint in checkpoints:
            table, rows, deleted = (
                checkpoint.display_table_name,
                checkpoint.total_num_rows_to_write,
                checkpoint.existing_rows_to_delete,
            )
            if rows != self._archive.rows[table]:
                return f"it would write {rows:,} rows to {table}, where the set has {self._archive.rows[table]:,}"
            if deleted != before.pushed_rows[table] and not self._overwrite:
                return (
                    f"it would delete {deleted:,} rows of {table}, where the last push that is known wrote "
                    f"{before.pushed_rows[table]:,}. If nobody misses them, push with --overwrite"
                )
        return None


def npx_command(path: Path) -> str:
    """Return the command of Convex's own tool that does the same, without the checks."""
    shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    return f"npx convex import --replace {shlex.quote(str(shown))}"


def _place(checkpoint: _Checkpoint) -> str:
    """Return a table's name, with its component where that isn't the root."""
    return "/".join(part for part in (checkpoint.component_path, checkpoint.display_table_name) if part)


def _shown(text: str) -> str:
    return visible(" ".join(text.split()))[:300]


def _text(content: bytearray) -> str:
    """Read a JSON text. Anything else counts as an answer that can't be read."""
    value = json.loads(content)
    if not isinstance(value, str):
        raise ValueError("no text")
    return value


def _text_at(name: str) -> Callable[[bytearray], str]:
    """Return what reads an object with one text."""

    def read(content: bytearray) -> str:
        value: Any = json.loads(content)
        text = value.get(name) if isinstance(value, dict) else None
        if not isinstance(text, str):
            raise ValueError(f"no {name}")
        return text

    return read


def _nothing(content: bytearray) -> None:
    """Read an answer without a body."""
    if content:
        raise ValueError("a body where none is due")
