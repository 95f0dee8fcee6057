"""`extract load`: land an archive as one full run."""

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from extract.archives import Archive, TableSource, open_archive
from extract.documents import REASONS, Document, as_binaries, as_rows, read_all, read_one
from extract.errors import ExtractError
from extract.legacy import Decoder, TableFormat, read_schema
from extract.lines import BYTE_ORDER_MARK, LinePiece, prefetched, split, whole_lines
from extract.rawzone import RawZone, RunSummary, RunWriter, TableName, TableWriter
from extract.sample import is_sample
from extract.selection import Selection

Progress = Callable[[str, int, int], None]
"""Called with the table's name, the bytes of it read so far, and the bytes that it has."""


def no_progress(_table: str, _done: int, _total: int) -> None:
    """Show nothing."""


def load(
    path: Path,
    zone: RawZone,
    selection: Selection | None = None,
    table: str | None = None,
    strict: bool = False,
    progress: Progress = no_progress,
    source: dict[str, Any] | None = None,
    absent: Collection[TableName] = (),
    describe: Callable[[RunSummary], None] = lambda _run: None,
) -> RunSummary:
    """Land the archive at `path` as one full run, and return what landed.

    With `strict`, a line that would be set aside is an error. `source` says where the archive came from, if not from a
    file. Tables of `absent` that the archive doesn't hold land as empty. `describe` may add to the run's summary.
    Raises ExtractError; then no run is visible.
    """
    selection = selection or Selection()
    with open_archive(path, table) as archive:
        listed = _listed_tables(archive)
        _check_names(archive, selection, absent)
        _check_listing(archive, listed, selection)
        taken = [source for source in archive.tables if selection.takes(source.name)]
        if not taken and not absent:
            raise ExtractError(f"no table of {path} is selected: see --only and --skip")
        size = path.stat().st_size if path.is_file() else None
        source = source or {"type": archive.kind, "name": path.name, "bytes": size}
        if is_sample(archive):
            source = source | {"sample": True}
        with zone.new_run(source, archive.snapshot_ts) as run:
            run.summary.skipped = sorted(str(s.name) for s in archive.tables if s not in taken)
            run.summary.notes = _notes(archive, listed, selection)
            for table_source in taken:
                _land_table(run, table_source, strict, progress)
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
        raise ExtractError(f"{archive.path} has no table {', '.join(unknown)}; it has {', '.join(sorted(held))}")


def _listed_tables(archive: Archive) -> set[TableName]:
    """Read the tables that the snapshot says it holds."""
    listed = set()
    for listing in archive.listings:
        for line in b"".join(listing.blocks()).splitlines():
            try:
                listed.add(TableName(listing.name.component, json.loads(line)["name"]))
            except (ValueError, KeyError, TypeError, RecursionError):
                raise ExtractError(f"{archive.path}: {listing.documents} has a line that names no table") from None
    return listed


def _check_listing(archive: Archive, listed: set[TableName], selection: Selection) -> None:
    held = {source.name for source in archive.tables}
    missing = sorted(str(name) for name in listed - held if selection.takes(name))
    if missing:
        raise ExtractError(
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
    bodies = [name for name in archive.ignored if "_storage/" in name]
    others = [name for name in archive.ignored if "_storage/" not in name]
    if bodies:
        notes.append(f"{len(bodies)} stored file(s) were passed over")
    if others:
        shown = ", ".join(others[:5]) + (" …" if len(others) > 5 else "")
        notes.append(f"{len(others)} file(s) that belong to no table were passed over: {shown}")
    return notes


def _land_table(run: RunWriter, source: TableSource, strict: bool, progress: Progress) -> None:
    table_format, decoder = read_schema(_lines(source.schema_blocks()))
    with run.table(source.name, table_format.kind) as writer:
        try:
            _land_lines(writer, source, decoder if decoder and decoder.needs_decoding else None, strict, progress)
        finally:
            if decoder:
                decoder.close()
        if source.is_in_snapshot:
            writer.summary.notes += _format_notes(table_format, decoder)


def _format_notes(table_format: TableFormat, decoder: Decoder | None) -> list[str]:
    notes = [table_format.note] if table_format.note else []
    if decoder and decoder.decoded:
        notes.append(f"{decoder.decoded} value(s) decoded as the older format's shape tells")
    if decoder and decoder.ambiguous:
        notes.append(f"{decoder.ambiguous} string(s) kept as text where the shape allows another reading too")
    if decoder and decoder.mismatched:
        notes.append(
            f"{decoder.mismatched} override(s) of the older format don't fit their value, which is kept as text"
        )
    return notes


def _lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    for chunk in whole_lines(blocks):
        yield from (chunk.data,) if isinstance(chunk, LinePiece) else split(chunk)


def _land_lines(
    writer: TableWriter, source: TableSource, decoder: Decoder | None, strict: bool, progress: Progress
) -> None:
    done, total, line_number = 0, source.size, 1
    for chunk in whole_lines(prefetched(_without_mark(source.blocks(), writer))):
        if isinstance(chunk, LinePiece):
            writer.reject(line_number, "too_long", chunk.data, chunk.part)
            done += len(chunk.data)
            line_number += chunk.is_last
        else:
            line_number += _land_chunk(writer, chunk, line_number, decoder)
            done += len(chunk) + 1
        if strict and writer.summary.rejected:
            raise ExtractError(_strict_message(writer, source))
        progress(writer.summary.name, min(done, total), total)
        del chunk  # which may be large, before the next one is built


def _strict_message(writer: TableWriter, source: TableSource) -> str:
    return (
        f"{source.documents}, line {writer.first_rejected_line}: {REASONS[next(iter(writer.summary.rejected))]}. "
        "Nothing was landed, as --strict asks; mend the line, or load without --strict to set such lines aside"
    )


def _without_mark(blocks: Iterator[bytes], writer: TableWriter) -> Iterator[bytes]:
    """Drop a byte order mark at the start of the file: it marks the file and is no part of the first line."""
    for block in blocks:
        if block.startswith(BYTE_ORDER_MARK):
            writer.summary.notes.append("the file began with a byte order mark")
            block = block.removeprefix(BYTE_ORDER_MARK)
        yield block
        break
    yield from blocks


def _land_chunk(writer: TableWriter, chunk: bytes, line_number: int, decoder: Decoder | None) -> int:
    """Land a chunk of whole lines, and return how many lines it has."""
    if decoder is None and (documents := read_all(chunk)) is not None:
        writer.summary.document_bytes += len(chunk) - len(documents) + 1
        writer.add_documents(documents)
        return len(documents)
    lines = split(chunk)
    writer.add_documents(_read_one_by_one(writer, lines, line_number, decoder))
    return len(lines)


def _read_one_by_one(
    writer: TableWriter, lines: list[bytes], line_number: int, decoder: Decoder | None
) -> pa.RecordBatch:
    """Read lines with care, and set aside those that are no document."""
    documents: list[Document] = []
    texts: list[bytes] = []
    for number, line in enumerate(lines, line_number):
        if not line.strip(b" \t\r"):
            writer.summary.blank_lines += 1
            continue
        found = read_one(line)
        if not isinstance(found, Document):
            writer.reject(number, found, line)
            continue
        documents.append(found)
        texts.append(decoder.decode(found.id, line) if decoder else line)
    writer.summary.document_bytes += sum(map(len, texts))
    return as_rows(documents, as_binaries(texts).cast(pa.string()))
