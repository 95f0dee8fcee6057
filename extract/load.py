"""`extract load`: land an archive as one full run."""

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from common.errors import CommandError
from common.progress import Progress, no_progress
from common.raw_zone import RunSummary, Source
from convex.tables import TableName
from extract.archives import Archive, TableSource, open_archive
from extract.documents import REASONS, Document, as_binaries, as_rows, read_all, read_one, read_values
from extract.forms import WHAT_LANDS, Form, Layout, begins_with, elements, read_form
from extract.landing import LandingZone, RunWriter, TableWriter
from extract.legacy import Decoder, TableFormat, read_schema
from extract.lines import BYTE_ORDER_MARK, LinePiece, prefetched, split, whole_lines
from extract.sample import is_sample
from extract.selection import Selection


def load(
    path: Path,
    zone: LandingZone,
    selection: Selection | None = None,
    table: str | None = None,
    *,
    strict: bool = False,
    lenient: bool = False,
    progress: Progress = no_progress,
    source: Source | None = None,
    absent: Collection[TableName] = (),
    describe: Callable[[RunSummary], None] = lambda _run: None,
    allow_shrink: Collection[str] = (),
) -> RunSummary:
    """Land the archive at `path` as one full run, and return what landed.

    With `strict`, a line that would be set aside is an error; with `lenient`, a file may hold fewer documents than
    other lines. `source` says where the archive came from, if not from a file. Tables of `absent` that the archive
    doesn't hold land as empty. `describe` may add to the run's summary. `allow_shrink` names tables that may lose most
    of their rows. Raises CommandError; then no run is visible.
    """
    selection = selection or Selection()
    with open_archive(path, table) as archive:
        listed = _listed_tables(archive)
        _check_names(archive, selection, absent)
        _check_listing(archive, listed, selection)
        taken = [source for source in archive.tables if selection.takes(source.name)]
        if not taken and not absent:
            raise CommandError(f"no table of {path} is selected: see --only and --skip")
        _check_cases(path, taken)
        size = path.stat().st_size if path.is_file() else None
        source = source or Source(archive.kind, path.name, size)
        source.sample = is_sample(archive)
        with zone.new_run(source, archive.snapshot_ts, allow_shrink=allow_shrink) as run:
            run.summary.skipped = sorted(str(s.name) for s in archive.tables if s not in taken)
            run.summary.notes = _notes(archive, listed, selection)
            for table_source in taken:
                _land_table(run, table_source, progress, strict=strict, lenient=lenient)
            for name in sorted({*absent} - {table_source.name for table_source in taken}):
                with run.table(name, "absent"):
                    pass
            run.finish_tables()
            describe(run.summary)
        return run.summary


def _check_names(archive: Archive, selection: Selection, absent: Collection[TableName]) -> None:
    held = {str(source.name) for source in archive.tables}
    unknown = sorted({*selection.only} - held - {*map(str, absent)})
    if unknown:
        raise CommandError(f"{archive.path} has no table {', '.join(unknown)}; it has {', '.join(sorted(held))}")


def _check_cases(path: Path, taken: list[TableSource]) -> None:
    """Refuse tables whose files would be one file on some disks, and whose relations are one in DuckDB."""
    names: dict[str, str] = {}
    for name in sorted(str(source.name) for source in taken):
        if (twin := names.setdefault(name.lower(), name)) != name:
            raise CommandError(
                f"{path} holds {twin} and {name}, which differ in case only: leave one out with --skip {name}. "
                "Nothing was landed"
            )


def _listed_tables(archive: Archive) -> set[TableName]:
    """Read the tables that the snapshot says it holds."""
    listed = set()
    for listing in archive.listings:
        for line in _texts(listing.blocks(), listing.documents):
            if not line.strip():
                continue
            try:
                listed.add(TableName(listing.name.component, json.loads(line)["name"]))
            except (ValueError, KeyError, TypeError, RecursionError):
                raise CommandError(f"{archive.path}: {listing.documents} has a line that names no table") from None
    return listed


def _check_listing(archive: Archive, listed: set[TableName], selection: Selection) -> None:
    held = {source.name for source in archive.tables}
    missing = sorted(str(name) for name in listed - held if selection.takes(name))
    if missing:
        raise CommandError(
            f"{archive.path} isn't whole: its _tables lists {', '.join(missing)}, which it doesn't hold. Nothing was "
            f"landed; download it again, or leave them out with {' '.join(f'--skip {name}' for name in missing)}"
        )


def _notes(archive: Archive, listed: set[TableName], selection: Selection) -> list[str]:
    notes = []
    absent = sorted({*selection.skip} - {str(name) for name in listed | {source.name for source in archive.tables}})
    if absent:
        notes.append(f"--skip names {', '.join(absent)}, which is not here")
    unlisted = sorted(str(s.name) for s in archive.tables if s.name not in listed and s.name.table != "_storage")
    if archive.listings and unlisted:
        notes.append(f"_tables doesn't list {', '.join(unlisted)}")
    if archive.kind != "jsonl" and not archive.listings:
        notes.append("there is no _tables, so nothing could tell whether every table is here")
    bodies = [name for name in archive.ignored if "_storage/" in name.replace("\\", "/")]
    others = [name for name in archive.ignored if name not in bodies]
    if bodies:
        notes.append(f"{len(bodies)} stored file(s) were passed over")
    if others:
        shown = ", ".join(others[:5]) + (" …" if len(others) > 5 else "")
        notes.append(f"{len(others)} file(s) that belong to no table were passed over: {shown}")
    return notes


def _land_table(run: RunWriter, source: TableSource, progress: Progress, *, strict: bool, lenient: bool) -> None:
    table_format, decoder = read_schema(_texts(source.schema_blocks(), source.schema or ""))
    with run.table(source.name, table_format.kind) as writer:
        try:
            landing = _Landing(writer, source, decoder if decoder and decoder.needs_decoding else None)
            landing.land(progress, strict=strict, lenient=lenient)
        finally:
            if decoder:
                decoder.close()
        if source.is_in_snapshot:
            writer.summary.notes += _format_notes(table_format, decoder)


def _format_notes(table_format: TableFormat, decoder: Decoder | None) -> list[str]:
    notes = [table_format.note] if table_format.note else []
    if decoder and decoder.decoded:
        notes.append(f"{decoder.decoded} value(s) decoded as the older format's shape says")
    if decoder and decoder.ambiguous:
        notes.append(f"{decoder.ambiguous} string(s) kept as text where the shape allows another reading too")
    if decoder and decoder.mismatched:
        notes.append(
            f"{decoder.mismatched} override(s) of the older format don't fit their value, which is kept as text"
        )
    return notes


def _texts(blocks: Iterable[bytes], name: str) -> Iterator[bytes]:
    """Yield the lines of a file, or the elements of an array, whatever the file's form."""
    for chunk in _chunks(read_form(blocks, name), name):
        yield from (
            (chunk.data,) if isinstance(chunk, LinePiece) else split(chunk) if isinstance(chunk, bytes) else chunk
        )


def _chunks(form: Form, name: str) -> Iterator[bytes | list[bytes] | LinePiece]:
    """Yield lines that are still one piece, or elements one by one."""
    return whole_lines(form.blocks) if form.layout == "lines" else elements(form.blocks, form.layout, name)


class _Landing:
    """Lands the documents of one table's file."""

    def __init__(self, writer: TableWriter, source: TableSource, decoder: Decoder | None):
        self._writer = writer
        self._source = source
        self._decoder = decoder
        self._bytes_read = 0
        self._marks = 0

    def land(self, progress: Progress, *, strict: bool, lenient: bool) -> None:
        """Land every document, set all else aside. Raises CommandError where the file seems to be of another form."""
        writer, total, number = self._writer, self._source.size, 1
        form = read_form(self._blocks(), self._source.documents)
        writer.summary.notes += form.notes
        form = replace(form, blocks=prefetched(form.blocks))
        for chunk in _chunks(form, self._source.documents):
            if isinstance(chunk, LinePiece):
                writer.reject(number, "too_long", chunk.data, chunk.part)
                number += chunk.is_last
            else:
                number += self._land_chunk(chunk, number)
            if strict and writer.summary.rejected:
                raise CommandError(self._strict_message(form.layout))
            progress(writer.summary.name, min(self._bytes_read, total), total)
            del chunk  # which may be large, before the next one is built
        if self._marks:
            writer.summary.notes.append(f"{self._marks:,} other line(s) begin with a byte order mark")
        if not lenient:
            self._check_share(form)

    def _blocks(self) -> Iterator[bytes]:
        for block in self._source.blocks():
            self._bytes_read += len(block)
            yield block

    def _land_chunk(self, chunk: bytes | list[bytes], number: int) -> int:
        """Land a chunk of whole lines, or of elements, and return how many there are."""
        if self._decoder is None:
            documents = read_all(chunk) if isinstance(chunk, bytes) else read_values(chunk)
            if documents is not None:
                breaks = len(documents) - 1 if isinstance(chunk, bytes) else 0
                size = len(chunk) if isinstance(chunk, bytes) else sum(map(len, chunk))
                self._writer.summary.document_bytes += size - breaks
                self._writer.add_documents(documents)
                return len(documents)
        texts = split(chunk) if isinstance(chunk, bytes) else chunk
        self._writer.add_documents(self._read_one_by_one(texts, number))
        return len(texts)

    def _read_one_by_one(self, texts: list[bytes], first_number: int) -> pa.RecordBatch:
        """Read texts with care, and set aside those that are no document."""
        summary = self._writer.summary
        documents: list[Document] = []
        landed: list[bytes] = []
        for number, text in enumerate(texts, first_number):
            line = text.removeprefix(BYTE_ORDER_MARK)  # which joining files leaves in the middle
            if not line.strip(b" \t\r"):
                summary.blank_lines += 1
                continue
            found = read_one(line)
            if not isinstance(found, Document):
                self._writer.reject(number, found, text)
                continue
            self._marks += line is not text
            documents.append(found)
            landed.append(self._decoder.decode(found.id, line) if self._decoder else line)
        summary.document_bytes += sum(map(len, landed))
        return as_rows(documents, as_binaries(landed).cast(pa.string()))

    def _check_share(self, form: Form) -> None:
        """Raise CommandError if most of the file is no documents: what is, would pass for the whole table."""
        rows, rejected = self._writer.summary.rows, self._writer.summary.rejected
        others = sum(rejected.values())
        if others <= rows:
            return
        unit = "lines" if form.layout == "lines" else "elements"
        reason = REASONS[max(rejected, key=rejected.__getitem__)]
        otherwise = f", or set the other {unit} aside with --lenient" if rows else ""
        raise CommandError(
            f"{self._source.documents}: {rows:,} of {rows + others:,} {unit} are documents; most often, {reason}. "
            f"{begins_with(form.head)}. Nothing was landed; {WHAT_LANDS}{otherwise}"
        )

    def _strict_message(self, layout: Layout) -> str:
        rejected = self._writer.summary.rejected
        unit = "line" if layout == "lines" else "element"
        return (
            f"{self._source.documents}, {unit} {self._writer.first_rejected_line}: {REASONS[next(iter(rejected))]}. "
            "Nothing was landed, as --strict asks; fix the line, or load without --strict to set such lines aside"
        )
