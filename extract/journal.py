"""What a sync has received and not landed yet: `<raw_dir>/.syncing/`.

journal.json            what the pages follow on, and what was known of the deployment when they came
page-00000001.json      the pages, as they were received; each holds the cursor of the next

A page and its cursor are one file, renamed into place: whatever ends the process, what is here is whole.
"""

import json
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from common.errors import CommandError
from common.files import sync_to_disk
from common.raw_zone import RunSummary
from convex.pages import Page, decode_page
from extract.landing import LandingZone

DIRECTORY = ".syncing"
_HEADER = "journal.json"


class Header(msgspec.Struct):
    """What the pages follow on."""

    id: str
    lineage: str | None
    """The state that the pages change, see `lineage`."""
    url: str
    api: str
    is_full: bool
    """Whether the pages begin at the beginning, and so need no earlier run."""
    started_at: str
    notes: list[str] = msgspec.field(default_factory=list)
    imports: dict[str, str] = msgspec.field(default_factory=dict)
    """State of each import when they were last looked at, by id."""
    covered: int = 0
    """The last page that had come then."""
    forgotten: dict[str, int] = msgspec.field(default_factory=dict)
    """Tables that are fetched from scratch, with the page before their beginning."""


def lineage(run: RunSummary | None) -> str | None:
    """Name the state that a run leaves. A run that compacts others into one leaves the state that they left."""
    if run is None:
        return None
    return f"{run.sync.journal}:{run.sync.page}" if run.sync else run.replaces_to


@dataclass(frozen=True)
class PageNote:
    """What has to be known of a page without reading it again."""

    cursor: str
    truncated: tuple[tuple[str, str], ...]
    """Component and table of each truncate."""
    changed: frozenset[tuple[str, str]]
    documents: int
    """How many changes of documents the page has."""


class Journal:
    """The pages on disk, numbered from 1 as they came. One process at a time may use it."""

    def __init__(self, zone: LandingZone):
        self.directory = zone.directory / DIRECTORY
        self.header: Header | None = None
        self.notes: dict[int, PageNote] = {}
        """The pages that are here, by number, in order."""
        try:
            self.header = msgspec.convert(json.loads((self.directory / _HEADER).read_text(encoding="utf-8")), Header)
            for number in sorted(int(path.stem.removeprefix("page-")) for path in self.directory.glob("page-*.json")):
                if self.notes and number != self.newest() + 1:
                    raise ValueError(f"page {self.newest() + 1} is missing")
                self.notes[number] = _note(self.read(number))
        except FileNotFoundError:
            return
        except OSError as error:
            raise CommandError(
                f"{error.filename} can't be read ({error.strerror}): see that this user may read it"
            ) from error
        except ValueError as error:
            raise CommandError(
                f"{self.directory} can't be read ({error}): delete it, and what it holds is fetched again"
            ) from error

    def read(self, number: int) -> Page:
        """Read one page."""
        return decode_page(self._path(number).read_bytes())

    def pages(self, through: int) -> Iterator[Page]:
        """Yield the pages up to a number, in order."""
        for number in self.notes:
            if number <= through:
                yield self.read(number)

    def newest(self) -> int:
        """Return the number of the page that came last, landed or not; 0 where none came."""
        return max(self.notes, default=self.header.covered if self.header else 0)

    def begin(self, header: Header) -> None:
        """Forget everything, and start from scratch."""
        if self.directory.exists():  # without its header it is no journal any more, whatever else is still there
            (self.directory / _HEADER).unlink(missing_ok=True)
            sync_to_disk(self.directory)
            shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.notes = {}
        self.header = header
        self.save_header()

    def save_header(self) -> None:
        """Write the header as it is now."""
        if self.header is not None:
            self._write(self.directory / _HEADER, json.dumps(msgspec.to_builtins(self.header), indent=2).encode())

    def append(self, page: Page, text: bytes | bytearray) -> int:
        """Keep a page, and return its number. Numbers go on after the pages that have landed."""
        number = self.newest() + 1
        self._write(self._path(number), text)
        self.notes[number] = _note(page)
        return number

    def drop(self, through: int) -> None:
        """Delete the pages up to a number."""
        for number in [number for number in self.notes if number <= through]:
            self._path(number).unlink(missing_ok=True)
            del self.notes[number]

    def _path(self, number: int) -> Path:
        return self.directory / f"page-{number:08}.json"

    def _write(self, path: Path, content: bytes | bytearray) -> None:
        part = path.with_suffix(".part")
        try:
            part.write_bytes(content)
            sync_to_disk(part)
            part.rename(path)
            sync_to_disk(self.directory)
        except OSError as error:
            raise CommandError(
                f"can't write to {self.directory}: {error.strerror}. What had come before is kept; free some space, "
                "then run the command again to go on"
            ) from error


def _note(page: Page) -> PageNote:
    truncated = tuple((truncate.component, truncate.table) for truncate in page.truncates)
    changed = frozenset({*truncated, *((value.component, value.table) for value in page.values)})
    return PageNote(page.cursor, truncated, changed, len(page.values))


def new_header(state: RunSummary | None, url: str, api: str, started_at: str, *, is_full: bool) -> Header:
    """Return the header of a journal that follows on a run, or on nothing."""
    return Header(uuid.uuid4().hex, lineage(state), url, api, is_full, started_at)
