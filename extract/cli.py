"""The command line: a thin layer over functions that can be called."""

import argparse
import io
import json
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from extract import __version__
from extract.documents import REASONS
from extract.errors import ExtractError
from extract.load import Progress as ReportProgress
from extract.load import Selection, load
from extract.rawzone import REJECTED_FILE, RawZone, RunSummary
from extract.settings import raw_dir
from extract.status import Status, status

DESCRIPTION = """\
Land Convex documents in the raw zone, byte for byte, as immutable runs of Parquet files that dbt reads.

exit codes: 0 done; 1 failed, with one line on stderr that says what to do; 2 wrong usage
settings:   flags first, then the environment, then .env: RAW_DIR (data/raw), EXPORT_ZIP_PASSWORD
"""
LOAD = """\
Land a snapshot of a Convex deployment as one full run. PATH is one of:

  snapshot.zip   what `npx convex export` wrote (both the uniform and the older format)
  a directory    a snapshot that was unpacked
  TABLE.jsonl    the documents of one table, one JSON object a line

A full run replaces the earlier state of each table that it carries, so loading twice changes nothing.
A line that is no Convex document is set aside in the run's _rejected.parquet, with its bytes; the rest lands.
A damaged archive lands nothing.

examples:
  python -m extract load snapshot_happy-otter-123_1763895302000000000.zip
  python -m extract load export/ --only palettes --only palette_tags
  python -m extract load dump.jsonl --table palette_tags --strict
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # for a file's name that isn't valid Unicode
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except ExtractError as error:
        print(f"extract: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("extract: interrupted; nothing of this run was landed", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m extract", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=__version__)
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--raw-dir", metavar="DIR", help="the raw zone (default: RAW_DIR, else data/raw)")
    shared.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    command = commands.add_parser(
        "load",
        parents=[shared],
        help="land a snapshot ZIP, a directory of one, or TABLE.jsonl",
        description=LOAD,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("path", metavar="PATH", type=Path)
    command.add_argument("--table", help="the table of a .jsonl file whose name doesn't say it (COMPONENT.TABLE too)")
    command.add_argument("--only", action="append", default=[], metavar="TABLE", help="land this table (repeatable)")
    command.add_argument("--skip", action="append", default=[], metavar="TABLE", help="leave it out (repeatable)")
    command.add_argument("--if-empty", action="store_true", help="do nothing where the raw zone already holds a run")
    command.add_argument("--strict", action="store_true", help="fail on the first line that would be set aside")
    command.set_defaults(run=_load)

    command = commands.add_parser(
        "status", parents=[shared], help="what the raw zone holds", description=status.__doc__
    )
    command.set_defaults(run=_status)
    return parser


def _load(options: argparse.Namespace) -> None:
    zone = RawZone(raw_dir(options.raw_dir))
    if options.if_empty and zone.run_ids():
        print(f"{zone.directory} already holds {_plural(len(zone.run_ids()), 'run')}: nothing to land", file=sys.stderr)
        if options.json:
            print(json.dumps({"run_id": None}))
        return
    selection = Selection(options.only, options.skip)
    with _progress_bar() as progress:
        run = load(options.path, zone, selection, options.table, options.strict, progress)
    if options.json:
        print(json.dumps(asdict(run) | {"rejected": run.rejected}, ensure_ascii=False, indent=2))
    else:
        _print_run(run, zone)


@contextmanager
def _progress_bar() -> Generator[ReportProgress]:
    """Show a bar for each table on stderr, where that is a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, disable=not sys.stderr.isatty()) as bars:
        tasks: dict[str, TaskID] = {}

        def report(table: str, done: int, total: int) -> None:
            if table not in tasks:
                tasks[table] = bars.add_task(table, total=total)
            bars.update(tasks[table], completed=done)

        yield report


def _print_run(run: RunSummary, zone: RawZone) -> None:
    rows = sum(table.rows for table in run.tables)
    print(
        f"landed {run.run_id} in {zone.directory}: {_plural(rows, 'document')} of {_plural(len(run.tables), 'table')}"
    )
    for table in run.tables:
        line = f"  {table.name:<24} {table.rows:>12,} {_size(table.document_bytes):>10} -> {_size(table.bytes):>10}"
        print(line + (f"  {_plural(table.blank_lines, 'blank line')}" if table.blank_lines else ""))
        for note in table.notes:
            print(f"    {_shown(note)}")
        for reason, count in sorted(table.rejected.items()):
            print(f"    set aside: {_plural(count, 'line')}: {REASONS[reason]}")
    if run.rejected:
        print(f"  what was set aside is in {zone.directory / run.run_id / REJECTED_FILE}")
    if run.skipped:
        print(f"  left out: {', '.join(run.skipped)} (--only lands one of them)")
    for note in run.notes:
        print(f"  note: {_shown(note)}")


def _status(options: argparse.Namespace) -> None:
    found = status(RawZone(raw_dir(options.raw_dir)))
    if options.json:
        print(json.dumps(found.as_dict(), ensure_ascii=False, indent=2))
    else:
        _print_status(found)


def _print_status(found: Status) -> None:
    console = Console(markup=False)
    if not found.runs:
        console.print(f"{found.raw_dir} holds no run yet: land one with python -m extract load PATH", highlight=False)
        return
    runs = Table("run", "kind", "source", "tables", "documents", "bytes", "set aside")
    for run in found.runs:
        rows, size = sum(t.rows for t in run.tables), sum(t.bytes for t in run.tables)
        source = f"{run.source['type']} {run.source['name']}"
        runs.add_row(run.run_id, run.kind, source, f"{len(run.tables)}", f"{rows:,}", _size(size), f"{run.rejected:,}")
    console.print(runs)
    tables = Table("table", "current documents")
    for name, count in found.current.items():
        tables.add_row(name, f"{count:,}")
    console.print(tables)
    console.print(f"newest run: {timedelta(seconds=round(found.age_seconds or 0))} ago", highlight=False)


def _shown(text: str) -> str:
    """Return the text with what could steer a terminal made visible: notes name files as archives have them."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:,.0f} {unit}" if unit == "B" else f"{count:,.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} GB"
