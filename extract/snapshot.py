"""`extract snapshot`: ask a deployment for a whole export, wait for it, download it and land it.

The steps are those of `npx convex export` (convex-backend, `npm-packages/convex/src/cli/lib/convexExport.ts`), over
plain HTTP: request, poll `_system/cli/exports:getLatest`, download by the export's id.
"""

import re
import shutil
import time
from collections.abc import Collection, Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from common.errors import CommandError
from common.progress import Progress, Tell, no_progress, silent
from common.raw_zone import RunSummary, Source
from common.text import visible
from convex.client import ApiError, Client, read_nothing
from convex.errors import Unrest
from convex.system_queries import Export, Queries
from extract.archives import check_zip
from extract.landing import LIVE_LOCK, LandingZone
from extract.load import load
from extract.selection import Selection

DOWNLOADS = ".downloads"
REQUEST, NO_FILES = "/api/export/request/zip", {"includeStorage": "false"}
APPEARS_SECONDS = 60
"""An export is listed before the request for it is answered."""
DOWNLOAD_TRIES = 3
RUNNING = ("requested", "in_progress")
FIRST_POLL_SECONDS, LONGEST_POLL_SECONDS = 0.2, 5.0

_NAME = re.compile(r"_(\d{18,19})\.zip")
"""The name that Convex gives to a download ends in the time of the snapshot, in nanoseconds since 1970."""


def snapshot(
    zone: LandingZone,
    client: Client,
    selection: Selection,
    reuse: timedelta | None = None,
    wait_seconds: float = 3600,
    report: Tell = silent,
    progress: Progress = no_progress,
    allow_shrink: Collection[str] = (),
) -> RunSummary:
    """Land the deployment as it is now as one full run, or an export that was made within `reuse`.

    Tables that are selected and that the deployment doesn't have are landed as empty. `allow_shrink` names those that
    may lose most of their rows. Raises CommandError.
    """
    with (
        zone.lock(LIVE_LOCK),
        fetched_snapshot(client, zone, reuse, wait_seconds, report, progress) as path,
    ):
        source = Source("snapshot", client.deployment.name, path.stat().st_size)
        return load(
            path,
            zone,
            selection,
            progress=progress,
            source=source,
            absent=selection.names(),
            allow_shrink=allow_shrink,
        )


@contextmanager
def fetched_snapshot(
    client: Client,
    zone: LandingZone,
    reuse: timedelta | None = None,
    wait_seconds: float = 3600,
    report: Tell = silent,
    progress: Progress = no_progress,
) -> Generator[Path]:
    """Export and download; the file is whole and checked, and is gone when the block ends."""
    folder = zone.directory / DOWNLOADS
    try:
        shutil.rmtree(folder, ignore_errors=True)  # what a killed process left can't be resumed
        folder.mkdir(parents=True)
        yield _Exports(client, wait_seconds, report).fetch(folder, reuse, progress)
    except OSError as error:
        raise CommandError(
            f"can't write to {folder}: {error.strerror}. Nothing was landed; free some space, or set RAW_DIR"
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Exports:
    """Makes one export and brings it here, within a time limit."""

    def __init__(self, client: Client, wait_seconds: float, report: Tell):
        self._client = client
        self._queries = Queries(client)
        self._deadline = time.monotonic() + wait_seconds
        self._report = report
        self._url = client.deployment.url

    def fetch(self, folder: Path, reuse: timedelta | None, progress: Progress) -> Path:
        """Return the path of a whole export in `folder`."""
        latest = self._queries.latest_export()
        if reuse and latest and (path := self._reused(latest, reuse, folder, progress)):
            return path
        return self._download(self._requested(latest.id if latest else None), folder, progress)

    def _reused(self, latest: Export, reuse: timedelta, folder: Path, progress: Progress) -> Path | None:
        """Download an export that is recent enough, or on its way; None where there is none such."""
        if latest.state in RUNNING:
            self._report("an export is on its way already: waiting for that one")
            latest = self._waited_for(latest)
        made = int(latest.start_ts or 0)
        if latest.state != "completed" or time.time() - made / 1e9 > reuse.total_seconds() or _is_expired(latest):
            return None
        self._report(f"taking the export of {datetime.fromtimestamp(made / 1e9, UTC):%Y-%m-%d %H:%M:%S} UTC")
        try:
            return self._download(latest, folder, progress)
        except ApiError as error:
            if error.code != "ExportNotFound":
                raise
            self._report("that export is no longer kept: asking for a new one")
            return None

    def _requested(self, known: str | None) -> Export:
        """Ask for an export, and wait until it is completed. The answer doesn't name it: it is the one after `known`.

        Convex makes one at a time, whoever asked for it.
        """
        pauses = self._pauses()
        is_reported = False
        while True:
            try:
                self._client.request("POST", REQUEST, params=NO_FILES, read=read_nothing)
                break
            except ApiError as error:
                if error.code != "ExportInProgress":
                    raise
            if self._newer_than(known):
                break  # it is ours: the first answer was lost on the way, and the client had asked again
            if not is_reported:
                self._report("another export or backup is running: waiting until it is done")
                is_reported = True
            time.sleep(next(pauses))
        self._report("asked for an export")
        latest = time.monotonic() + APPEARS_SECONDS
        while (export := self._newer_than(known)) is None:
            if time.monotonic() > latest:
                raise Unrest(
                    f"{self._url} was asked for an export, and has none {APPEARS_SECONDS} seconds later: something "
                    "between may have answered in its place. Nothing was landed; run the command again"
                )
            time.sleep(next(pauses))
        export = self._waited_for(export)
        if export.state != "completed":
            raise Unrest(
                f"the export on {self._url} ended as {visible(str(export.state))}: run the command again to ask for "
                "another one. Nothing was landed"
            )
        return export

    def _newer_than(self, known: str | None) -> Export | None:
        latest = self._queries.latest_export()
        return latest if latest and latest.id != known else None

    def _waited_for(self, export: Export) -> Export:
        """Wait until an export has ended, and return it as it is then."""
        pauses = self._pauses()
        shown = None
        while export.state in RUNNING:
            message = visible(str(export.progress_message or "the export waits for its turn"))
            if message != shown:
                self._report(message)
                shown = message
            time.sleep(next(pauses))
            latest = self._queries.latest_export()
            if latest is None or latest.id != export.id:
                return Export(export.id, "completed")  # only one is made at a time, so this one is done
            export = latest
        return export

    def _download(self, export: Export, folder: Path, progress: Progress) -> Path:
        for _ in range(DOWNLOAD_TRIES):
            part = folder / "snapshot.part"
            name = self._client.download(
                f"/api/export/zip/{export.id}", part, lambda done, total: progress("download", done, total or done)
            )
            try:
                check_zip(part)
            except CommandError as error:
                self._report(f"the export came damaged ({error})")
                continue
            found = _NAME.search(name)
            made = found[1] if found else export.start_ts or 0
            return part.rename(folder / f"snapshot_deployment_{made}.zip")
        raise Unrest(f"the export came damaged from {self._url}, {DOWNLOAD_TRIES} times. Nothing was landed; try again")

    def _pauses(self) -> Generator[float]:
        """Yield how long to wait before the next look. Raises CommandError when the time is over."""
        seconds = FIRST_POLL_SECONDS
        while time.monotonic() < self._deadline:
            yield seconds
            seconds = min(seconds * 1.5, LONGEST_POLL_SECONDS)
        raise Unrest(
            f"the export on {self._url} isn't done yet: run the command again with --reuse 24h to take it when it is, "
            "or give it longer with --wait. Nothing was landed"
        )


def _is_expired(export: Export) -> bool:
    return int(export.expiration_ts or 2**62) < time.time_ns()
