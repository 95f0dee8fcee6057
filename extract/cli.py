"""The command line: a thin layer over functions that can be called."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import msgspec
from rich.cells import cell_len

from common import __version__
from common.command import TRACEBACK_HELP
from common.durations import duration
from common.errors import CommandError
from common.progress import Tell
from common.raw_zone import RunSummary
from common.settings import raw_dir, setting
from common.terminal import bars
from common.text import visible
from convex.client import ApiError, Client, NoAnswer, Unreachable
from convex.deployment import deployment_of_settings
from convex.errors import Unrest
from convex.system_queries import FunctionError
from extract.compact import COMPACT_AFTER, compact, keep_small
from extract.documents import REASONS
from extract.landing import LIVE_LOCK, REJECTED_FILE, LandingZone
from extract.load import load
from extract.selection import Selection, declared_tables
from extract.snapshot import snapshot
from extract.status import Status, status
from extract.sync import Sync
from palette import as_called, given_path

DESCRIPTION = f"""\
Land Convex documents in the raw zone, byte for byte, as immutable runs of Parquet files that dbt reads.

exit codes: 0 done; 1 failed, with one line on stderr that says what to do; 2 wrong usage
settings:   flags first, then the environment, then .env: RAW_DIR (data/raw), EXPORT_ZIP_PASSWORD,
            COMPACT_AFTER (50), DUCKDB_MEMORY_LIMIT (1GB, of compact),
            CONVEX_URL and CONVEX_DEPLOY_KEY, or CONVEX_SELF_HOSTED_URL and CONVEX_SELF_HOSTED_ADMIN_KEY
network:    HTTPS_PROXY, HTTP_PROXY, ALL_PROXY (http://, https://, socks5://), NO_PROXY (names, addresses, 10.0.0.0/8);
            SSL_CERT_FILE or SSL_CERT_DIR for certificates of your own. They count in the environment only
errors:     {TRACEBACK_HELP}
"""
LOAD = """\
Land a snapshot of a Convex deployment as one full run. PATH is one of:

  snapshot.zip   what `npx convex export` wrote (both the uniform and the older format)
  a directory    a snapshot that was unpacked
  TABLE.jsonl    the documents of one table: one JSON object a line, or a JSON array of them (TABLE.json too);
                 in UTF-8, or in UTF-16 with its mark; as it is, or packed with gzip or zstd

A full run replaces the earlier state of each table that it carries, so loading twice changes nothing.
A line that is no Convex document is set aside in the run's _rejected.parquet, with its bytes; the rest lands.
A damaged archive lands nothing. Nor does a file of which less than half is documents (--lenient), or one that would
take more than a third of its rows from a table, if those are more than 100 or more than 90 % (--allow-shrink).

examples:
  python -m extract load snapshot_happy-otter-123_1763895302000000000.zip
  python -m extract load export/ --only palettes --only palette_tags
  python -m extract load dump.jsonl --table palette_tags --strict
"""
SNAPSHOT = """\
Have a deployment make a whole export, download it, and land it as one full run. Every Convex plan has this.

Everything in it is of one moment. The tables that land are those that the dbt sources declare.
The key needs the permissions deployment:backups:create, :view and :download.

examples:
  python -m extract snapshot
  python -m extract snapshot --reuse 24h        take the last export if it isn't older than that
  python -m extract snapshot --only palettes --only palette_tags
"""
SYNC = """\
Fetch what has changed since the last sync, and land it as one run; nothing lands where nothing has changed.

The first sync fetches everything. What was fetched is kept as it comes: a sync that was cut goes on where it was.
A run becomes visible only where its tables make one state that the deployment really had; while an import runs on the
deployment, the sync waits (--wait). The tables are those that the dbt sources declare.
Needs a Convex plan with streaming export (self-hosted has it), and a key with the permissions deployment:data:view
and deployment:backups:view. Deployments older than the Data Sync API are read by the older one; each sync looks again.

What may pass (no connection, any 5xx, a proxy's 404) is tried again for --retry-for; --watch goes on after that, too.
Where the deployment never answered, a wrong address, port or certificate is reported within seconds.

examples:
  python -m extract sync
  python -m extract sync --watch 60             keep following, with a minute between two looks
  python -m extract sync --full                 begin at the beginning
"""
COMPACT = """\
Compact all runs into one full run, so that a build reads each document once. The compacted runs are deleted by a later
compact, when the one that replaces them is a day old (--keep): until then, a build that began earlier can read them.
What lands does the same by itself where many small runs are active: see --compact-after of load, snapshot and sync.
"""
STATUS = """\
Show what the raw zone holds: its runs, how many documents each table has by now, and how old the newest run is.

Runs that a compacted one replaces are one line. A sync that was cut, and goes on with the next, is reported too.
With --json, up to which point a sync has come (sync), and everything that run.json says of each run.

examples:
  python -m extract status
  python -m extract status --json | jq .age_seconds
"""
LONGEST_WATCH_PAUSE = 600


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except CommandError as error:
        print(f"extract: {visible(str(error))}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        kept = "what came so far is kept: run the command again to go on" if options.run is _sync else None
        print(f"extract: interrupted; {kept or 'nothing of this run was landed'}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=as_called("python -m extract"),
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    shared, landing, selecting, live = _shared(), _landing(), _selecting(), _live()

    def add(
        name: str,
        what: str,
        description: str,
        run: Callable[[argparse.Namespace], None],
        *parents: argparse.ArgumentParser,
    ) -> argparse.ArgumentParser:
        formatter = argparse.RawDescriptionHelpFormatter
        command = commands.add_parser(
            name, parents=[shared, *parents], help=what, description=as_called(description), formatter_class=formatter
        )
        command.set_defaults(run=run)
        return command

    what = "land a snapshot ZIP, a directory of one, or TABLE.jsonl"
    command = add("load", what, LOAD, _load, landing, selecting)
    command.add_argument("path", metavar="PATH", type=given_path)
    command.add_argument("--table", help="the table of a .jsonl file whose name doesn't say it (COMPONENT.TABLE too)")
    command.add_argument("--if-empty", action="store_true", help="do nothing where the raw zone already holds a run")
    spoilt = command.add_mutually_exclusive_group()
    spoilt.add_argument("--strict", action="store_true", help="fail on the first line that would be set aside")
    spoilt.add_argument(
        "--lenient", action="store_true", help="land what is documents even where most of a file is none"
    )

    what = "land a deployment as it is now, as a whole export"
    command = add("snapshot", what, SNAPSHOT, _snapshot, landing, selecting, live)
    command.add_argument("--reuse", type=duration, metavar="TIME", help="take an export that is no older, as in 24h")
    _add_time(command, "--wait", timedelta(hours=1), "wait so long for the export (1h)")

    what = "land what has changed on a deployment since the last time"
    command = add("sync", what, SYNC, _sync, landing, selecting, live)
    command.add_argument("--watch", type=_seconds, metavar="SECONDS", help="keep following, with such pauses")
    command.add_argument("--full", action="store_true", help="forget the cursor, and fetch every table from scratch")
    _add_time(command, "--wait", timedelta(hours=1), "wait so long for an import (1h)")

    command = add("compact", "compact all runs into one", COMPACT, _compact)
    _add_time(command, "--keep", timedelta(days=1), "how long compacted runs stay (1d)")
    command.add_argument("--forget-deleted", action="store_true", help="drop the last text of deleted documents too")

    add("status", "what the raw zone holds", STATUS, _status)
    return parser


def _shared() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument(
        "--raw-dir", type=given_path, metavar="DIR", help="the raw zone (default: RAW_DIR, else data/raw)"
    )
    shared.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    return shared


def _landing() -> argparse.ArgumentParser:
    landing = argparse.ArgumentParser(add_help=False)
    landing.add_argument(
        "--compact-after",
        type=_run_count,
        metavar="RUNS",
        help=f"compact the small ones of the newest runs where more than this are active; 0: never (COMPACT_AFTER, "
        f"{COMPACT_AFTER})",
    )
    landing.add_argument(
        "--allow-shrink",
        action="append",
        default=[],
        metavar="TABLE",
        help="land this table even if it loses most of its rows by it (repeatable)",
    )
    return landing


def _selecting() -> argparse.ArgumentParser:
    selecting = argparse.ArgumentParser(add_help=False)
    selecting.add_argument("--only", action="append", default=[], metavar="TABLE", help="land this table (repeatable)")
    selecting.add_argument("--skip", action="append", default=[], metavar="TABLE", help="leave it out (repeatable)")
    return selecting


def _live() -> argparse.ArgumentParser:
    live = argparse.ArgumentParser(add_help=False)
    live.add_argument("--url", help="the deployment's address (default: CONVEX_URL or CONVEX_SELF_HOSTED_URL)")
    live.add_argument("-v", "--verbose", action="store_true", help="tell of each try, not only of the first")
    limit = "give up when nothing came for so long (10m); a deployment that never answered, within seconds"
    _add_time(live, "--retry-for", timedelta(minutes=10), limit)
    return live


def _add_time(parser: argparse.ArgumentParser, name: str, default: timedelta, what: str) -> None:
    parser.add_argument(name, type=duration, default=default, metavar="TIME", help=what)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 < seconds <= 12 * 3600:
        raise argparse.ArgumentTypeError(f"{text} is no pause: give seconds, up to 43200 (12 hours)")
    return seconds


def _run_count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise argparse.ArgumentTypeError(f"{text} is no number of runs: give one, as in 50, or 0 for never")
    return int(text)


def _compact_after(options: argparse.Namespace) -> int:
    """Return how many runs may stand: `--compact-after`, else `COMPACT_AFTER`, else 50. Raises CommandError."""
    if options.compact_after is not None:
        return options.compact_after
    try:
        return _run_count(setting("COMPACT_AFTER") or str(COMPACT_AFTER))
    except argparse.ArgumentTypeError as error:
        raise CommandError(f"COMPACT_AFTER: {error}") from error


def _load(options: argparse.Namespace) -> None:
    after = _compact_after(options)
    zone = LandingZone(raw_dir(options.raw_dir))
    if options.if_empty and zone.run_ids():
        print(f"{zone.directory} already holds {_plural(len(zone.run_ids()), 'run')}: nothing to land", file=sys.stderr)
        if options.json:
            print(json.dumps({"run_id": None}))
        return
    selection = Selection(options.only, options.skip)
    with bars("extract", in_bytes=True) as (progress, _):
        run = load(
            Path(options.path),
            zone,
            selection,
            options.table,
            strict=options.strict,
            lenient=options.lenient,
            progress=progress,
            allow_shrink=options.allow_shrink,
        )
    _print_landed(run, zone, as_json=options.json)
    _keep_small(zone, after, as_json=options.json)


def _client(options: argparse.Namespace, tell: Tell) -> Client:
    deployment = deployment_of_settings(options.url)
    listener = {"report" if options.verbose else "tell": tell}
    return Client(deployment, options.retry_for.total_seconds(), **listener)


def _live_selection(options: argparse.Namespace) -> Selection:
    return Selection(options.only, options.skip, () if options.only else declared_tables())


def _snapshot(options: argparse.Namespace) -> None:
    after = _compact_after(options)
    zone, selection = LandingZone(raw_dir(options.raw_dir)), _live_selection(options)
    with bars("extract", in_bytes=True) as (progress, tell), _client(options, tell) as client:
        wait = options.wait.total_seconds()
        run = snapshot(zone, client, selection, options.reuse, wait, tell, progress, options.allow_shrink)
    _print_landed(run, zone, as_json=options.json)
    _keep_small(zone, after, as_json=options.json)


def _sync(options: argparse.Namespace) -> None:
    after = _compact_after(options)
    zone, selection = LandingZone(raw_dir(options.raw_dir)), _live_selection(options)
    with bars("extract") as (progress, tell), _client(options, tell) as client, zone.lock(LIVE_LOCK):
        sync = Sync(
            zone,
            client,
            selection,
            is_full=options.full,
            report=tell,
            progress=progress,
            wait_seconds=options.wait.total_seconds(),
            allow_shrink=options.allow_shrink,
        )
        if options.watch:

            def landed(run: RunSummary) -> None:
                _print_landed(run, zone, as_json=options.json)
                _keep_small(zone, after, as_json=options.json)

            _watch(sync, client, options.watch, tell, landed)
            return
        run = sync.once()
    if run:
        _print_landed(run, zone, as_json=options.json)
        _keep_small(zone, after, as_json=options.json)
    elif options.json:
        looked_at = {"deployment": client.deployment.url, "tables": [*map(str, selection.names())]}
        print(json.dumps({"run_id": None} | looked_at | {"up_to": sync.up_to}))
    else:
        print(f"nothing has changed on {client.deployment.url}")


def _watch(sync: Sync, client: Client, seconds: float, tell: Tell, landed: Callable[[RunSummary], None]) -> None:
    """Sync again and again, until somebody ends it. What passes is waited for, ever longer.

    So is what something before the deployment says in its place, once the deployment itself has answered.
    """
    pause = seconds
    while True:
        try:
            if run := sync.once():
                landed(run)
            pause = seconds
        except (NoAnswer, ApiError, FunctionError, Unrest) as error:
            is_final = isinstance(error, Unreachable) or (isinstance(error, ApiError) and bool(error.code))
            if is_final or (isinstance(error, ApiError) and not client.has_answered):
                raise
            pause = min(pause * 2, max(seconds, LONGEST_WATCH_PAUSE))
            tell(f"{error}. Trying again in {pause:g} s")
        try:
            time.sleep(pause)
        except KeyboardInterrupt:
            tell("stopped; the next sync goes on from here")
            return


def _compact(options: argparse.Namespace) -> None:
    zone = LandingZone(raw_dir(options.raw_dir))
    before = len(zone.run_ids())
    with bars("extract") as (progress, _):
        run = compact(zone, options.keep, forget_deleted=options.forget_deleted, progress=progress)
    if run:
        _print_landed(run, zone, as_json=options.json)
    elif options.json:
        print(json.dumps({"run_id": None}))
    else:
        print(f"{zone.directory} holds {_plural(before, 'run')}: nothing to compact")
    gone = before + bool(run) - len(zone.run_ids())
    if gone and not options.json:
        print(f"  deleted {_plural(gone, 'run')} that an earlier one replaces")


def _keep_small(zone: LandingZone, after: int, *, as_json: bool) -> None:
    """Compact small runs where many stand. What has landed stays landed, whatever becomes of that.

    Raises CommandError if it was interrupted.
    """
    try:
        run = keep_small(zone, after)
    except CommandError as error:
        print(
            f"extract: many runs are active, but {error}. Nothing is lost; the next landing tries again",
            file=sys.stderr,
        )
        return
    except KeyboardInterrupt:
        raise CommandError(
            "interrupted while runs were compacted; what landed before stays, and the next landing tries again"
        ) from None
    if run:
        rows, size = sum(table.rows for table in run.tables), _size(run.bytes)
        line = f"compacted {run.source.name} into {run.run_id}: {_plural(rows, 'document')}, {size}"
        print(line, file=sys.stderr if as_json else sys.stdout, flush=True)


def _print_landed(run: RunSummary, zone: LandingZone, *, as_json: bool) -> None:
    if as_json:
        print(
            json.dumps(msgspec.to_builtins(run) | {"rejected": run.rejected}, ensure_ascii=False, indent=2), flush=True
        )
    else:
        _print_run(run, zone)


def _print_run(run: RunSummary, zone: LandingZone) -> None:
    rows = sum(table.rows for table in run.tables)
    print(
        f"landed {run.run_id} in {zone.directory}: {_plural(rows, 'document')} of {_plural(len(run.tables), 'table')}"
    )
    for table in run.tables:
        line = f"  {table.name:<24} {table.rows:>12,} {_size(table.document_bytes):>10} -> {_size(table.bytes):>10}"
        line += f"  {_plural(table.deletes, 'deletion')}" if table.deletes else ""
        print(line + (f"  {_plural(table.blank_lines, 'blank line')}" if table.blank_lines else ""))
        for note in table.notes:
            print(f"    {visible(note)}")
        for reason, count in sorted(table.rejected.items()):
            print(f"    set aside: {_plural(count, 'line')}: {REASONS[reason]}")
    if run.rejected:
        print(f"  what was set aside is in {zone.directory / run.run_id / REJECTED_FILE}")
    if run.skipped:
        reason = "not followed, skipped, or written by this project; --only TABLE lands such a table, and no other"
        print(f"  left out: {', '.join(run.skipped)} ({reason})")
    for note in run.notes:
        print(f"  note: {visible(note)}")


def _status(options: argparse.Namespace) -> None:
    found = status(LandingZone(raw_dir(options.raw_dir)))
    if options.json:
        print(json.dumps(found.as_dict(), ensure_ascii=False, indent=2))
    else:
        _print_status(found)


def _print_status(found: Status) -> None:
    if not found.runs:
        print(f"{found.raw_dir} holds no run yet: land one with python -m extract load PATH")
        return
    runs = [("run", "kind", "tables", "documents", "bytes", "set aside", "source")]
    for run in found.runs:
        rows, size = sum(t.rows for t in run.tables), sum(t.bytes for t in run.tables)
        source = f"{run.source.type} {run.source.name}"
        counts = f"{len(run.tables)}", f"{rows:,}", _size(size), f"{run.rejected:,}"
        runs.append((run.run_id, run.kind, *counts, visible(source)))
    _print_columns(runs, "<<>>>><")
    print()
    tables = [("table", "current documents"), *((name, f"{count:,}") for name, count in found.current.items())]
    _print_columns(tables, "<>")
    print()
    print(f"newest run: {timedelta(seconds=round(found.age_seconds or 0))} ago")
    if found.compacted:
        size = _size(sum(run.bytes for run in found.compacted))
        print(f"{_plural(len(found.compacted), 'compacted run')} ({size}) stay for a day, for builds that began before")
    if found.unfinished_sync:
        pages = _plural(found.unfinished_sync.pages, "page")
        print(f"unfinished sync: {pages} received and not landed yet; python -m extract sync goes on")


def _print_columns(rows: Sequence[tuple[str, ...]], sides: str) -> None:
    """Print rows in columns, each at its side (`<` or `>`). No line is cut: a narrow terminal wraps the last column."""
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = []
        for text, side, width in zip(row, sides, widths, strict=True):
            space = " " * (width - cell_len(text))
            cells.append(space + text if side == ">" else text + space)
        print("  ".join(cells).rstrip())


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:,.0f} {unit}" if unit == "B" else f"{count:,.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} GB"
