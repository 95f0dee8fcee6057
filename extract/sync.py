"""`extract sync`: follow a deployment's changes, and land them where they make one state that it really had.

A page at `upToDate` makes a state only if nothing happened that the API doesn't tell (convex-backend, `crates/
streaming_export`, and its `include_hidden`): a table that is dropped ends without an event, and while an import runs,
its half-written table hides under the name of the real one. So every round looks at the imports and the tables before
its pages and after them, lands only what was sure at the last `upToDate` page, and asks for one page more to learn
which tables stood still, so that their numbers of documents can be compared.
"""

import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from common.errors import CommandError
from common.progress import Progress, Tell, no_progress, silent
from common.raw_zone import RunSummary, Source, SyncState, TableState
from convex.backend import has_data_sync
from convex.client import ApiError, Client
from convex.data_sync import DataSync, NoDataSync
from convex.deployment import normalised
from convex.errors import Unrest
from convex.pages import CursorExpired, Page, PageSource
from convex.streaming_export import StreamingExport
from convex.system_queries import ENDED, FAILED, FunctionError, Import, Queries, TableLook
from convex.tables import TableName
from extract import current
from extract.changes import write_pages
from extract.current import Current
from extract.documents import Document, read_one
from extract.journal import Header, Journal, lineage, new_header
from extract.landing import LandingZone, RunWriter
from extract.lines import prefetched
from extract.load import load
from extract.selection import Selection
from extract.snapshot import fetched_snapshot

ROUNDS = 12
WAIT_SECONDS = 3600
"""The longest that a running import is waited for."""
LISTED_IMPORTS = 20
POLL_SECONDS = 0.5


@dataclass(frozen=True)
class _Look:
    """The deployment's imports and followed tables at one moment."""

    imports: list[Import]
    tables: set[TableName]

    def states(self) -> dict[str, str]:
        return {found.id: found.state for found in self.imports}


class _Overtaken(Exception):
    """Another run became visible that the pages don't follow on."""


class _Unsure(Exception):
    """Tables were imported, dropped or made while they were looked at: another round will tell."""


class _Wrong(Exception):
    """What came of a table isn't what the deployment says it has."""

    def __init__(self, tables: dict[TableName, str]):
        super().__init__()
        self.tables = tables


class Sync:
    """Follows one deployment into one raw zone. `LIVE_LOCK` of the zone has to be held."""

    def __init__(
        self,
        zone: LandingZone,
        client: Client,
        selection: Selection,
        *,
        is_full: bool = False,
        report: Tell = silent,
        progress: Progress = no_progress,
        wait_seconds: float = WAIT_SECONDS,
        allow_shrink: Collection[str] = (),
    ):
        self._zone = zone
        self._client = client
        self._selection = selection
        self._is_full = is_full
        self._wait_seconds = wait_seconds
        self._tables = selection.names()
        self._queries = Queries(client)
        self._report = report
        self._progress = progress
        self._allow_shrink = allow_shrink
        self._expected: int | None = None
        self.up_to: int | None = None
        """The time of the state in which nothing new was found, in nanoseconds since 1970."""
        self._source: PageSource = DataSync(client)
        self._journal = Journal(zone)
        self._is_open = False
        self._check_address()

    def once(self) -> RunSummary | None:
        """Fetch what is new and land it as one run; None where nothing has changed.

        Raises CommandError. What was fetched till then is kept in the journal, and the next call goes on from there.
        """
        repaired: set[TableName] = set()
        wrong: dict[TableName, str] = {}
        failed: FunctionError | None = None
        if self._is_open:
            self._look_for_newer_api()
        for rounds_left in reversed(range(ROUNDS)):
            try:
                self.open()
                for table, reason in wrong.items():
                    self._report(f"{table}: {reason}: fetching it from scratch")
                if wrong:
                    repaired |= {*wrong}
                    self._forget(wrong)
                    wrong = {}
                failed = None
                return self._round(repaired, is_last=not rounds_left)
            except CursorExpired as error:
                self._restart(f"{error}: every table is fetched from scratch")
            except NoDataSync:
                self._fall_back()
            except _Overtaken:
                self._restart(self._overtaken())
            except _Unsure:
                continue
            except FunctionError as error:
                failed = error
                time.sleep(POLL_SECONDS)
            except _Wrong as error:
                wrong = error.tables
        raise failed or Unrest(
            f"tables of {self._client.deployment.url} kept being imported, dropped or made while they were read. "
            "Nothing half done was landed, and what came is kept: run the command again when that is over"
        )

    # Where the pages begin

    def _check_address(self) -> None:
        """Raise CommandError if the raw zone follows another deployment. One of which nothing ever came is none."""
        state, url, header = self._zone.newest(), self._client.deployment.url, self._journal.header
        if header and not header.covered and not self._journal.notes:
            header = self._journal.header = None
        held = header.url if header else state.sync.url if state and state.sync else None
        if held and normalised(held) != normalised(url) and not self._is_full:
            raise CommandError(
                f"{self._zone.directory} follows {held}, not {url}: set RAW_DIR to another folder, or let this one "
                "begin again with --full"
            )

    def open(self) -> None:
        """Find where the pages begin, once the deployment has answered. `once` does this by itself."""
        if self._is_open:
            return
        self._queries.imports()
        self._find_beginning()
        if self._header.api == StreamingExport.name:
            self._source = StreamingExport(self._client)
            self._look_for_newer_api()
        if self._journal.notes and not self._is_idle():
            self._report(f"going on after {len(self._journal.notes)} page(s) that an earlier sync received")
        self._is_open = True

    def _look_for_newer_api(self) -> None:
        """Leave the older API where the deployment has the newer one by now, or had it all the time behind a proxy."""
        if self._source.name == StreamingExport.name and has_data_sync(self._client):
            self._source = DataSync(self._client)
            self._restart("the deployment has the Data Sync API now: every table is fetched from scratch, once")

    def _find_beginning(self) -> None:
        state, header = self._zone.newest(), self._journal.header
        if self._is_full:
            self._restart("as --full asks, every table is fetched from scratch")
        elif header and state and state.sync and state.sync.journal == header.id:
            landed = state.sync.page
            self._journal.drop(landed)  # as the process may have ended just after they had landed
            if header.lineage != lineage(state):
                header.lineage, header.is_full, header.notes = lineage(state), False, []
                header.forgotten = {table: page for table, page in header.forgotten.items() if page > landed}
            header.covered = max(header.covered, state.sync.page)
        elif header and header.lineage != lineage(state):
            self._restart(self._overtaken())
        elif not header and state and state.sync and state.cursor:
            self._begin(state, is_full=False, api=state.sync.api)
        elif not header:
            self._begin(state, is_full=True, api=self._source.name)
            if state:
                self._report(
                    f"the newest run came from a {state.source.type}: every table is fetched from scratch, once"
                )

    def _begin(self, state: RunSummary | None, *, is_full: bool, api: str) -> None:
        header = new_header(state, self._client.deployment.url, api, datetime.now(UTC).isoformat(), is_full=is_full)
        if state and state.sync and not is_full:
            header.imports = state.sync.imports
        self._journal.begin(header)

    def _restart(self, reason: str) -> None:
        self._report(reason)
        self._begin(self._zone.newest(), is_full=True, api=self._source.name)
        self._header.notes.append(reason)

    def _overtaken(self) -> str:
        state = self._zone.newest()
        if not state:
            return "the runs that the last sync landed are gone: every table is fetched from scratch"
        return (
            f"run {state.run_id} ({state.source.type} {state.source.name}) has landed since the last sync, and "
            "changes can't be followed from there: every table is fetched from scratch, once"
        )

    def _fall_back(self) -> None:
        """Go on with the older API. Each sync looks first whether the newer one is there."""
        self._source = StreamingExport(self._client)
        reason = "the deployment is older than the Data Sync API: using list_snapshot and document_deltas"
        if self._is_new():
            self._report(reason)
            self._begin(self._zone.newest(), is_full=True, api=self._source.name)
        else:
            self._restart(f"{reason}; every table is fetched from scratch")

    def _is_new(self) -> bool:
        """Tell whether nothing has come so far, in this zone or in this journal."""
        return self._zone.newest() is None and not self._journal.notes

    @property
    def _header(self) -> Header:
        if self._journal.header is None:
            raise RuntimeError("the journal wasn't begun")
        return self._journal.header

    def _cursor(self) -> str | None:
        if self._journal.notes:
            return self._journal.notes[self._journal.newest()].cursor
        state = None if self._header.is_full else self._zone.newest()
        return state.cursor if state else None

    def _is_idle(self) -> bool:
        """Tell whether the journal holds nothing but a cursor."""
        return not any(note.changed for note in self._journal.notes.values())

    # One round

    def _round(self, repaired: set[TableName], *, is_last: bool) -> RunSummary | None:
        """Return the run that landed, or None if nothing has changed. Raises what asks for another round."""
        if lineage(self._zone.newest()) != self._header.lineage:
            raise _Overtaken
        before = self._look_before()
        start = self._journal.newest()
        point = self._reach_up_to_date()
        after = self._look()
        self._check_imports(after)
        sizes = {table: self._queries.look(table) for table in after.tables}
        known = self._known_counts()
        absent = {
            table
            for table in {*self._tables} - before.tables - after.tables
            if (table.component, table.table) not in self._truncated(start, point)
        }
        gone = {table for table in absent if known.get(str(table)) or table in self._changed(0, point)}
        if not gone and not self._changed(0, point):
            self._cover(after, point)
            self.up_to = self._journal.read(point).status.snapshotTs
            self._journal.drop(point - 1)  # of pages without changes, only the last cursor matters
            return None
        quiet = {*self._tables} - self._changed(point, self._reach_up_to_date())
        if suspects := self._suspects(after, point):
            return self._land_snapshot(point, after, suspects)
        try:
            return self._land(point, after, gone, sizes, quiet, is_last=is_last)
        except _Wrong as error:
            if repaired.isdisjoint(error.tables) and not is_last:
                raise
            return self._land_snapshot(point, after, error.tables)

    def _look(self) -> _Look:
        components = {table.component for table in self._tables}
        return _Look(self._queries.imports(), self._queries.tables(components) & {*self._tables})

    def _look_before(self) -> _Look:
        """Look at the deployment when no import is running."""
        look = self._look()
        has_more = self._journal.newest() > self._header.covered
        if has_more or (self._cursor() is not None and not self._source.tells_truncates):
            self._check_imports(look)
        look = self._wait_for_imports(look)
        self._cover(look, self._journal.newest())
        if self._expected is None and self._header.is_full:
            self._expected = sum(self._queries.size_if_told(table) or 0 for table in look.tables)
        return look

    def _wait_for_imports(self, look: _Look) -> _Look:
        """Look again until no import of the followed tables is running. Raises Unrest where that takes too long."""
        deadline, is_reported = time.monotonic() + self._wait_seconds, False
        while running := [found for found in look.imports if found.is_running and found.touches(self._tables)]:
            named = ", ".join(map(str, running))
            if time.monotonic() >= deadline:
                raise Unrest(
                    f"{named} didn't end on {self._client.deployment.url} in {self._wait_seconds:g} seconds. Nothing "
                    "half done was landed: run the command again when it has ended, cancel it in the dashboard, or "
                    "wait longer with --wait"
                )
            if not is_reported:
                self._report(f"{named} is running on the deployment: waiting until it is done")
                is_reported = True
            time.sleep(POLL_SECONDS)
            look = self._look()
        return look

    def _cover(self, look: _Look, through: int) -> None:
        """Remember what the imports were when the pages up to a number had come."""
        self._header.imports = look.states()
        self._header.covered = through
        self._journal.save_header()

    def _reach_up_to_date(self) -> int:
        """Fetch pages until one is up to date, and return its number. The next one comes while one is kept."""
        number = 0
        documents = sum(note.documents for note in self._journal.notes.values())
        for page, text in prefetched(self._next_pages(), depth=1):
            number = self._journal.append(page, text)
            documents += len(page.values)
            if documents or self._expected:
                self._progress("documents fetched", documents, max(documents, self._expected or 0))
        return number

    def _next_pages(self) -> Iterator[tuple[Page, bytes | bytearray]]:
        cursor = self._cursor()
        while True:
            page, text = self._source.fetch(cursor, self._tables)
            yield page, text
            if page.is_up_to_date:
                return
            cursor = page.cursor

    def _changed(self, after: int, through: int) -> set[TableName]:
        notes = [note for number, note in self._journal.notes.items() if after < number <= through]
        return {table for table in self._tables if any((table.component, table.table) in n.changed for n in notes)}

    def _truncated(self, after: int, through: int) -> list[tuple[str, str]]:
        notes = (note for number, note in self._journal.notes.items() if after < number <= through)
        return [place for note in notes for place in note.truncated]

    def _known_counts(self) -> dict[str, int]:
        """Return how many documents of each table are visible now; 1 where it is only known that there may be some."""
        runs = self._zone.active_runs()
        counts = {str(table): 1 for table in self._tables if table in self._zone.files(runs)}
        if runs and runs[-1].sync:
            counts |= {name: found.documents for name, found in runs[-1].sync.tables.items()}
        return counts

    # What the API doesn't tell

    def _check_imports(self, look: _Look) -> None:
        """Have tables fetched from scratch that may have been imported while pages came. Raises _Unsure for any."""
        if dirty := self._imported(look):
            names = ", ".join(sorted(map(str, dirty)))
            self._report(f"{names} came while an import was going on: fetching from scratch")
            self._forget(dirty)
            raise _Unsure

    def _imported(self, look: _Look) -> set[TableName]:
        """Return the tables of imports that began, went on or ended since imports were last looked at."""
        changed = [found for found in look.imports if self._header.imports.get(found.id) != found.state]
        if len(changed) >= LISTED_IMPORTS:  # there may have been more than are listed
            return {*self._tables}
        return {table for table in self._tables if any(found.touches([table]) for found in changed)}

    def _forget(self, tables: Collection[TableName]) -> None:
        """Have tables fetched from scratch, and those that were imported meanwhile, once no import is running."""
        look = self._wait_for_imports(self._look())
        tables = {*tables, *self._imported(look)}
        cursor = self._cursor()
        if cursor is not None:
            page, text = self._source.forget(cursor, sorted(tables), self._tables)
            number = self._journal.append(page, text)
            self._header.forgotten |= {str(table): number for table in tables}
        self._cover(look, self._journal.newest())

    def _suspects(self, look: _Look, point: int) -> list[TableName]:
        """Return tables under whose name the rest of a failed import may hide: it stays there for two weeks.

        Only a whole export is without it. A table that had to come from the beginning began more than once, if there
        was something beside it; any other table had no reason to, but for the import. The older API reports no
        beginnings: with it, a failed import and any change are enough, and at first so is one that may be unlisted.
        """
        state = self._zone.newest()
        settled = state.sync.settled if state and state.sync else []
        failed = [found for found in look.imports if found.state in FAILED]
        unsettled = [found for found in failed if found.id not in settled]
        changed = self._changed(0, point)
        suspects = []
        for table in self._tables:
            since = self._header.forgotten.get(str(table), 0 if self._header.is_full else None)
            begun = self._truncated(since or 0, point).count((table.component, table.table))
            if not self._source.tells_truncates:
                may_be_unlisted = begun > 0 and len(look.imports) >= LISTED_IMPORTS
                touched = any(found.touches([table]) for found in (failed if begun else unsettled))
                is_suspect = table in changed and (touched or may_be_unlisted)
            elif since is not None:
                is_suspect = begun > 1
            else:
                is_suspect = begun > 0 and any(found.touches([table]) for found in unsettled)
            if is_suspect:
                suspects.append(table)
        return suspects

    # Landing

    def _land(
        self,
        point: int,
        look: _Look,
        gone: set[TableName],
        sizes: dict[TableName, TableLook],
        quiet: set[TableName],
        *,
        is_last: bool,
    ) -> RunSummary:
        page = self._journal.read(point)
        source = Source(self._source.name, self._client.deployment.name)
        kind = "full" if self._header.is_full else "incremental"
        with self._zone.new_run(
            source, page.status.snapshotTs, kind, waits=True, allow_shrink=self._allow_shrink
        ) as run:
            self._describe(run.summary, page.cursor, point, look)
            write_pages(run, self._shown(self._journal.pages(point), point), self._tables)
            for table in gone:
                run.open_table(table, "uniform").add_truncate()
            run.finish_tables()
            self._compare(run, point, sizes, quiet, is_last=is_last)
        self._landed(run.summary, point, look)
        return run.summary

    def _shown(self, pages: Iterable[Page], last: int) -> Iterator[Page]:
        """Yield the pages, and tell how many have landed."""
        count = sum(number <= last for number in self._journal.notes)
        for number, page in enumerate(pages, 1):
            yield page
            self._progress("pages landed", number, count)

    def _compare(
        self, run: RunWriter, point: int, sizes: dict[TableName, TableLook], quiet: set[TableName], *, is_last: bool
    ) -> None:
        """Compare what would be visible with the tables as they were just after the last page. Raises _Unsure, _Wrong.

        A table that is still the same has its oldest document among ours, and no truncate came after the page. Its
        number of documents is ours; or, if it is being written, differs by no more than the changes that came after.
        Where no truncates are reported, our oldest document has to be its oldest too, unless it was deleted meanwhile.
        What stays unsure to the last is wrong enough for a whole export. An older backend may not tell the numbers:
        there, the oldest document and what imports left (see `_suspects`) have to do.
        """
        tables, unsure, wrong = {}, {}, {}
        runs = self._zone.active_runs()
        landed = self._zone.files(runs)
        later = self._changes_after(point)
        begun_later = {*self._truncated(point, self._journal.newest())}
        for table in self._tables:
            look, place = sizes.get(table, TableLook(0, None)), (table.component, table.table)
            written = run.directory / f"{table}.parquet"
            files = [*landed.get(table, []), *([written] if written.exists() else [])]
            known = _known(table, runs[-1].sync if runs and not written.exists() else None, look)
            ours = known or current.read(files, look.oldest)
            has_oldest = ours.has_asked or not look.oldest
            theirs = "others" if look.size is None else f"{look.size:,} or others"
            numbers = f"{ours.documents:,} document(s) came, and the deployment has {theirs}"
            is_verified = table in quiet and has_oldest and ours.documents == look.size
            tables[str(table)] = TableState(ours.documents, ours.oldest, is_verified)
            if table not in sizes and ours.documents:
                raise _Unsure
            if place in begun_later:
                unsure[table] = "it started from scratch while it was read"
            elif table in quiet and not has_oldest:
                wrong[table] = numbers
            elif not has_oldest:
                unsure[table] = "its oldest document didn't come"
            elif look.size is not None and abs(ours.documents - look.size) > len(later[place]):
                wrong[table] = numbers
            elif not self._source.tells_truncates and ours.oldest not in (look.oldest, None, *later[place]):
                wrong[table] = "another table has taken its name"
        if is_last:
            wrong |= unsure
        if wrong:
            raise _Wrong(wrong)
        if unsure:
            raise _Unsure
        if run.summary.sync is not None:
            run.summary.sync.tables = tables

    def _changes_after(self, point: int) -> Mapping[tuple[str, str], list[str | None]]:
        """Return the changes that came after a page, by table: the `_id` of what was deleted, None for the others."""
        changes: defaultdict[tuple[str, str], list[str | None]] = defaultdict(list)
        for number in self._journal.notes:
            for value in self._journal.read(number).values if number > point else ():
                found = read_one(bytes(value.value)) if value.deleted else None
                changes[value.component, value.table].append(found.id if isinstance(found, Document) else None)
        return changes

    def _describe(self, run: RunSummary, cursor: str, point: int, look: _Look) -> None:
        """Enter in a run where the next sync goes on, and what it has to know."""
        state = self._zone.newest()
        if lineage(state) != self._header.lineage:
            raise _Overtaken
        run.cursor = cursor
        run.notes += self._header.notes
        if left := sorted({*(state.sync.selected if state and state.sync else [])} - {*map(str, self._tables)}):
            run.notes.append(f"no longer followed: {', '.join(left)}; what landed of it stays as it was")
        run.sync = SyncState(
            url=self._client.deployment.url,
            api=self._source.name,
            journal=self._header.id,
            page=point,
            imports=look.states(),
            settled=[found.id for found in look.imports if found.state in ENDED],
            selected=[*map(str, self._tables)],
        )

    def _landed(self, run: RunSummary, point: int, look: _Look) -> None:
        self._header.lineage = lineage(run)
        self._header.is_full = False
        self._header.notes = []
        self._header.forgotten = {}
        self._expected = None
        self._cover(look, point)
        self._journal.drop(point)

    def _land_snapshot(self, point: int, look: _Look, tables: Collection[TableName]) -> RunSummary:
        """Land a whole export instead of the pages. The next ones apply some changes again, which does no harm."""
        names = ", ".join(map(str, tables))
        self._report(f"{names} can't be had for sure page by page: landing a whole export instead")
        cursor = self._journal.notes[point].cursor

        def describe(run: RunSummary) -> None:
            self._describe(run, cursor, point, look)
            run.notes.append(f"landed as a whole export, as {names} couldn't be had for sure page by page")
            if run.sync is not None:
                run.sync.tables = {table.name: TableState(table.rows, verified=True) for table in run.tables}

        try:
            with fetched_snapshot(
                self._client, self._zone, wait_seconds=self._wait_seconds, report=self._report
            ) as path:
                source = Source("snapshot", self._client.deployment.name, path.stat().st_size)
                run = load(
                    path,
                    self._zone,
                    self._selection,
                    source=source,
                    absent=self._tables,
                    describe=describe,
                    allow_shrink=self._allow_shrink,
                )
        except ApiError as error:
            if not error.code:
                raise
            raise CommandError(
                f"{names} can't be had for sure page by page, as what an import left may hide under the name, and a "
                f"whole export was refused: {error}. If no import failed, --full helps too"
            ) from error
        self._landed(run, point, look)
        return run


def _known(table: TableName, sync: SyncState | None, look: TableLook) -> Current | None:
    """Return what an earlier sync has counted in a table that didn't change, where that answers what is asked of it."""
    found = sync.tables.get(str(table)) if sync else None
    if found is None or found.oldest != look.oldest:  # UNSET equals no text and not None
        return None
    return Current(found.documents, has_asked=look.oldest is not None, oldest=look.oldest)
