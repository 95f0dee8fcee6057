"""`publish push`: replace our two tables on a Convex deployment by those of a release, all at once or not at all.

The steps are those of `npx convex import --replace` (convex-backend, `crates/local_backend/src/snapshot_import.rs`):
upload in parts, wait until the deployment has looked at the archive, confirm, wait until it has swapped the tables in
one transaction. Between looking and confirming stands the check of what would be replaced.

What a lost answer means is thought through step by step, as no step but `upload_part` carries a key of its own:

- `start_upload`, `upload_part`: asked again. An upload that nobody finishes is forgotten; a part replaces itself.
- `finish_upload`: asked once, since an upload that was finished can't be finished again. Without an answer of the
  deployment's own, whatever came in its place, an import may wait to be confirmed: it is looked for and cancelled.
  Where no answer came at all, the upload starts again; what comes of the first one late is looked for at the end.
- `perform_import`: asked once, and again only while the import still waits to be confirmed, for as long as everything
  else is tried. A refusal by something on the way ends the push if the import waits still.
- `cancel_import`: asked again; "has ended already" is as good.
"""

import json
import math
import os
import re
import shlex
import time
from collections.abc import Callable, Collection, Generator
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import msgspec
from tenacity import Retrying, retry_if_exception, stop_after_delay
from tenacity.wait import wait_exponential_jitter

from common.errors import CommandError
from common.progress import Progress, Tell, no_progress, silent
from common.settings import PUBLISHED_TABLES, RUNS_TABLE
from common.text import visible
from convex.client import ApiError, Client, NoAnswer, read_nothing
from convex.system_queries import Queries
from publish.convex import OPTIONAL_FIELDS
from publish.convex_archive import Archive
from publish.deployed import Deployed, look, moment, refuse_stale, refuse_unfit

KEYS = ("CONVEX_PUBLISH_KEY",)
"""The key that reads a deployment is never the one that may replace its tables."""
PART_BYTES = 5 * 1024 * 1024
"""The smallest part that every deployment takes; the last may be smaller."""
LEAST_PART_BYTES = 256 * 1024
"""The smallest part that is tried where something on the way takes none larger."""
MOST_PARTS = 9_999
TEST_DEPLOYMENT = "palette-analytics-test"
"""The name by which a deployment says that it holds nothing real."""
WAITING = "waiting_for_confirmation"
FIRST_POLL_SECONDS, LONGEST_POLL_SECONDS = 0.1, 5.0
CLEANING_SECONDS = 20
"""The longest that is spent on cancelling an import, and on asking for the deployment's name."""
NO_UNIFORM = (
    ". The archive is in the uniform format, which backends read since March 2026: upgrade the backend, then push again"
)
_ROW = re.compile(r"\bRow \d")
"""It stands in what an import says of one document, which may hold any word."""
_EXTRA_FIELD = re.compile(r"extra field [`'\"]?(\w+)")
_LARGER_REQUESTS = "have it take requests of 6 MiB (client_max_body_size in nginx)"


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
class Options:
    """What a push may do, and how long it may take.

    `overwrite` lets it replace whatever our tables hold; tables of `allow_shrink` may lose most of their rows.
    """

    overwrite: bool = False
    dry_run: bool = False
    allow_shrink: Collection[str] = ()
    max_age: timedelta | None = None
    wait_seconds: float = 3600
    retry_seconds: float = 600


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
    created: float = msgspec.field(name="_creationTime", default=0)

    def rows(self) -> dict[str, int]:
        """Return the rows that it writes to each table."""
        return {_place(one): one.total_num_rows_to_write for one in self.checkpoints or ()}


def push(
    archive: Archive,
    client: Client,
    options: Options,
    report: Tell = silent,
    progress: Progress = no_progress,
) -> Pushed:
    """Replace our tables on the deployment by those of the archive.

    Without `overwrite` it replaces only what an earlier push wrote, as the table `analytics_runs` says, and by nothing
    older and nothing of another origin. Made-up data goes only to the test deployment. `progress` gets bytes. Raises
    CommandError, having cancelled the import: then nothing was replaced, or the message says otherwise.
    """
    return _Push(archive, client, options, report, progress).run()


class _Push:
    def __init__(self, archive: Archive, client: Client, options: Options, report: Tell, progress: Progress):
        self._archive = archive
        self._client = client
        self._once = client.with_patience(0)
        self._cleaner = client.with_patience(min(options.retry_seconds, CLEANING_SECONDS))
        self._queries = Queries(client)
        self._cleaning = Queries(self._cleaner)
        self._options = options
        self._report = report
        self._progress = progress
        self._url = client.deployment.url
        self._part_bytes = max(PART_BYTES, math.ceil(archive.size / MOST_PARTS))
        self._known: set[str] = set()
        """The imports that were there before, and the one of this push."""
        self._is_unsure = False
        """Whether another import may have come of an upload whose end nobody reported."""
        self._unfinished: BaseException | None = None
        """What the one step of an upload failed with that isn't asked again by itself."""

    def run(self) -> Pushed:
        try:
            return self._run()
        except KeyboardInterrupt:
            raise CommandError("interrupted. Nothing was replaced") from None

    def _run(self) -> Pushed:
        options, archive = self._options, self._archive
        refuse_stale(archive, options.max_age)
        self._refuse_sample()
        before = look(self._queries)
        if before.is_just(archive) and not options.overwrite:
            return self._result("unchanged", before, [])
        refuse_unfit(
            archive,
            before,
            self._url,
            self._report,
            overwrite=options.overwrite,
            allow_shrink=options.allow_shrink,
        )
        self._refuse_beside_another()
        import_id = self._uploaded()
        try:
            changes = self._checked(self._waiting(import_id), before)
            if options.dry_run:
                self._cancel(import_id)
                return self._result("dry_run", before, changes)
            self._refuse_beside_another()
            if look(self._queries) != before:
                raise CommandError(f"the tables changed on {self._url} since they were looked at: push again")
            self._performed(import_id)
        except KeyboardInterrupt:
            raise CommandError(f"interrupted. {self._ended(import_id, before)}") from None
        except CommandError as error:
            raise CommandError(f"{error}. {self._ended(import_id, before)}") from error
        finally:
            if self._is_unsure:
                self._cancel_leftovers()  # a deployment may go on with what a proxy has given up
        return self._result("pushed", before, changes)

    def _result(self, outcome: str, before: Deployed, changes: list[TableChange]) -> Pushed:
        return Pushed(
            outcome,
            self._archive.build_id,
            self._client.deployment.name,
            before.build_id,
            tuple(changes),
            npx_command(self._archive.path),
        )

    # What is refused before anything is sent

    def _refuse_sample(self) -> None:
        """Raise CommandError for made-up data, unless the deployment says that it is the test deployment."""
        if not self._archive.is_sample:
            return
        try:
            name = self._cleaner.request(
                "GET", "/instance_name", read=lambda content: content.decode().strip(), is_missing=lambda: True
            )
        except (ApiError, NoAnswer):
            name = ""
        if name != TEST_DEPLOYMENT:
            raise CommandError(
                f"build {self._archive.build_id} is made of the sample or of other generated data, which is made up "
                "and never pushed: set RAW_DIR to a new folder, land your own data there, and make build"
            )

    def _refuse_beside_another(self) -> None:
        if running := [job for job in self._queries.imports() if job.is_running]:
            raise CommandError(f"another {running[0]} is running on {self._url}: push again when it is done")

    # Uploading

    def _uploaded(self) -> str:
        """Upload the archive, and return the id of the import that waits for it to be looked at."""
        self._known = {job.id for job in self._queries.imports()}
        retrying = Retrying(
            retry=retry_if_exception(lambda error: isinstance(error, NoAnswer) and error is self._unfinished),
            wait=wait_exponential_jitter(multiplier=FIRST_POLL_SECONDS, max=LONGEST_POLL_SECONDS),
            stop=stop_after_delay(self._options.retry_seconds),
            reraise=True,
        )
        try:
            import_id = retrying(self._upload)
        except (ApiError, NoAnswer) as error:
            if self._part_bytes >= PART_BYTES:
                raise
            raise CommandError(
                f"{error}. The parts were smaller than a deployment may take, as something on the way took none of "
                f"5 MiB (413): {_LARGER_REQUESTS}"
            ) from error
        self._known.add(import_id)
        return import_id

    def _upload(self) -> str:
        token = self._client.request("POST", "/api/import/start_upload", read=_text_at("uploadToken"))
        part_tokens = self._sent_parts(token)
        wanted = {"mode": "replace", "format": "zip"}
        body = {"import": wanted, "uploadToken": token, "partTokens": part_tokens}
        try:
            return self._once.request("POST", "/api/import/finish_upload", body=body, read=_text_at("importId"))
        except (CommandError, KeyboardInterrupt) as error:
            self._unfinished = error
            if _may_be_done(error):
                self._report("it isn't known whether the upload was finished: looking for what came of it")
                self._is_unsure = True
                self._cancel_leftovers()
            raise

    def _sent_parts(self, token: str) -> list[str]:
        """Send the archive in parts, and return what the deployment calls each."""
        file, part_tokens = self._archive.file, []
        file.seek(0)
        while part := file.read(self._part_bytes):
            params = {"uploadToken": token, "partNumber": str(len(part_tokens) + 1)}
            try:
                part_tokens.append(
                    self._client.request("POST", "/api/import/upload_part", params=params, body=part, read=_text)
                )
            except ApiError as error:
                if error.status != HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
                    raise
                file.seek(-len(part), os.SEEK_CUR)
                self._take_smaller_parts(len(part), MOST_PARTS - len(part_tokens))
            self._progress("upload", file.tell(), self._archive.size)
        return part_tokens

    def _take_smaller_parts(self, size: int, parts_left: int) -> None:
        """Halve the parts, where something on the way takes none of so many bytes. Raises CommandError at the least."""
        least = max(LEAST_PART_BYTES, math.ceil((self._archive.size - self._archive.file.tell()) / parts_left))
        if size <= least:
            raise CommandError(
                f"{self._url}, or a proxy before it, takes no request of {size:,} bytes (413): {_LARGER_REQUESTS}. "
                "Nothing was replaced"
            )
        self._part_bytes = max(size // 2, least)
        self._report(f"no part of {size:,} bytes is taken (413): trying parts of {self._part_bytes:,}")

    def _cancel_leftovers(self) -> None:
        """Cancel what the lost answer may have been about: a new import, still unconfirmed, with just our rows."""
        try:
            for import_id in [job.id for job in self._cleaning.imports() if job.id not in self._known]:
                job = self._after_upload(import_id, self._cleaning, CLEANING_SECONDS)
                if job.state.state == WAITING and job.rows() == self._archive.rows:
                    self._cancel(import_id)
        except CommandError as error:
            self._report(f"what came of it isn't known: an import may wait, unconfirmed, which harms nothing ({error})")

    # From one state to the next

    def _import(self, import_id: str, queries: Queries) -> _Import:
        content = queries.one_import(import_id)
        try:
            return msgspec.convert(content, type=_Import, strict=False)
        except msgspec.ValidationError as error:
            raise CommandError(f"{self._url} describes its import in an unknown form ({error})") from error

    def _after_upload(self, import_id: str, queries: Queries, wait_seconds: float) -> _Import:
        """Wait until the deployment has looked at the archive."""
        for _ in self._pauses(wait_seconds):
            job = self._import(import_id, queries)
            if job.state.state != "uploaded":
                return job
        raise CommandError(f"{self._overdue(import_id, job, wait_seconds)} hasn't been looked at")

    def _waiting(self, import_id: str) -> _Import:
        """Wait until the deployment asks for confirmation, and return what it says of the import."""
        job = self._after_upload(import_id, self._queries, self._options.wait_seconds)
        if job.state.state == "failed":
            message = job.state.error_message
            is_format = "uniform" in message and not _ROW.search(message)
            reason = NO_UNIFORM if is_format else ""
            raise CommandError(f"{self._url} can't take the archive: {_shown(message)}{reason}")
        if job.state.state != WAITING:
            raise CommandError(
                f"the import is {visible(job.state.state)} on {self._url}, though nobody confirmed it here"
            )
        return job

    def _performed(self, import_id: str) -> None:
        """Confirm the import, and wait until the tables are swapped."""
        said, began = None, time.monotonic()
        trouble: ApiError | NoAnswer | None = None
        for _ in self._pauses(self._options.wait_seconds):
            job = self._import(import_id, self._queries)
            state = job.state
            if state.state == WAITING:
                is_late = time.monotonic() - began > self._options.retry_seconds
                if trouble and (is_late or isinstance(trouble, ApiError)):  # and the deployment never heard of it
                    raise trouble
                if (now := self._perform(import_id)) and not trouble:
                    self._report("it isn't known whether the import was confirmed: looking at it")
                trouble = now
            elif state.state == "completed":
                return self._check_written(state)
            elif state.state == "failed":
                message = state.error_message
                reason = f"the import failed on {self._url}: {_shown(message)}"
                raise CommandError(f"{reason}{self._missing_fields(message)}")
            elif state.state != "in_progress":
                raise CommandError(f"the import is in an unknown state on {self._url}: {visible(state.state)}")
            elif state.progress_message and state.progress_message != said:
                said = state.progress_message
                self._report(_shown(said))
        raise CommandError(f"{self._overdue(import_id, job, self._options.wait_seconds)} isn't done")

    def _perform(self, import_id: str) -> ApiError | NoAnswer | None:
        """Confirm the import. Returns what came in place of the deployment's own answer, if anything did."""
        try:
            self._once.request("POST", "/api/perform_import", body={"importId": import_id}, read=read_nothing)
        except ApiError as error:
            if not error.may_be_done:
                raise
            return error
        except NoAnswer as error:
            return error
        return None

    def _overdue(self, import_id: str, job: _Import, wait_seconds: float) -> str:
        return (
            f"{self._url} takes longer than {wait_seconds:g} s, which --wait can raise: import {visible(import_id)}, "
            f"which began at {moment(job.created)},"
        )

    def _missing_fields(self, message: str) -> str:
        """Say what to add to a schema that refuses a field of ours which came later than the table."""
        found = _EXTRA_FIELD.search(message)
        if not found or found[1] not in OPTIONAL_FIELDS:
            return ""
        lines = (f"{name}: {kind}," for name, kind in OPTIONAL_FIELDS.items() if name in self._archive.run)
        return f". Add to {RUNS_TABLE} in your schema.ts, and deploy it: {' '.join(lines)}"

    def _check_written(self, state: _State) -> None:
        total = sum(self._archive.rows.values())
        if state.num_rows_written != total:
            raise CommandError(
                f"{self._url} completed the import, and says that it wrote {state.num_rows_written} rows, not {total}: "
                "look at the tables, then push again with --overwrite"
            )

    def _ended(self, import_id: str, before: Deployed) -> str:
        """Cancel an import, and tell what became of it. Raises nothing of its own."""
        try:
            self._cancel(import_id)
            completed = {job.id for job in self._cleaning.imports() if job.state == "completed"}
            now = look(self._cleaning).build_id
        except CommandError as error:
            self._report(str(error))
            return f"Whether import {visible(import_id)} takes place isn't known: push again to find out"
        # Cancelled within the moment of the swap, it counts as failed, and the tables are swapped all the same.
        if import_id in completed or now == self._archive.build_id != before.build_id:
            return f"The import had taken place all the same: the deployment has build {now}"
        return "Nothing was replaced"

    def _cancel(self, import_id: str) -> None:
        try:
            self._cleaner.request("POST", "/api/cancel_import", body={"importId": import_id}, read=read_nothing)
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

    def _checked(self, job: _Import, before: Deployed) -> list[TableChange]:
        """Return what the import would do. Raises CommandError unless that is just what is meant."""
        objection = self._objection(job, before)
        if objection:
            raise CommandError(f"the import wasn't confirmed: {objection}")
        by_table = {_place(checkpoint): checkpoint for checkpoint in job.checkpoints or ()}
        return [
            TableChange(table, by_table[table].total_num_rows_to_write, by_table[table].existing_rows_to_delete)
            for table in PUBLISHED_TABLES
        ]

    def _objection(self, job: _Import, before: Deployed) -> str | None:
        if job.mode.lower() != "replace":
            return f"its mode is {visible(job.mode) or 'unknown'}, not replace"
        checkpoints = job.checkpoints or []
        if others := sorted({_place(checkpoint) for checkpoint in checkpoints} - {*PUBLISHED_TABLES}):
            return f"it would replace other tables than ours: {_shown(', '.join(others))}"
        if len(checkpoints) != len(PUBLISHED_TABLES) or {*job.rows()} != {*PUBLISHED_TABLES}:
            return f"{self._url} doesn't name the tables {' and '.join(PUBLISHED_TABLES)}, once each"
        for checkpoint in checkpoints:
            table, rows, deleted = (
                checkpoint.display_table_name,
                checkpoint.total_num_rows_to_write,
                checkpoint.existing_rows_to_delete,
            )
            if rows != self._archive.rows[table]:
                return f"it would write {rows:,} rows to {table}, where the release has {self._archive.rows[table]:,}"
            if deleted != before.pushed_rows[table] and not self._options.overwrite:
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


def _may_be_done(error: BaseException) -> bool:
    """Tell whether a step may have been done though it failed: only the deployment itself can rule that out."""
    return error.may_be_done if isinstance(error, ApiError | NoAnswer) else True
