"""The command line: a thin layer over functions that can be called."""

import argparse
import json
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from extract import __version__
from extract.errors import ExtractError
from extract.rawzone import RawZone
from extract.settings import raw_dir, setting
from publish.errors import PublishError
from publish.manifest import MANIFEST, Manifest, differences
from publish.release import publish
from publish.sets import PublishedSets, publish_dir

DEFAULT_DATABASE, DEFAULT_TARGET = "data/build.duckdb", "target"
DESCRIPTION = """\
Publish the last dbt build, if every model, seed and test of it passed on what the raw zone holds now.

Writes <publish-dir>/<build_id>/ and makes it the current set in one step:

  palettes.duckdb      the public tables and functions; opens read-only, with DuckDB 1.4 or later
  parquet/             the same tables, one file each
  convex/              the consensus as JSONL, and as the ZIP that `npx convex import` takes
  manifest.json        where it all comes from; rows, bytes and SHA-256 of each file

Readers open <publish-dir>/current/…; what they have open they keep. The last 3 sets stay (--keep).
A build that failed, a partial build, and one that a newer run has overtaken are refused, with what is the matter.

exit codes: 0 done; 1 failed, with one line on stderr that says what to do; 2 wrong usage
settings:   flags first, then the environment, then .env: PUBLISH_DIR (data/published), DUCKDB_PATH
            (data/build.duckdb), RAW_DIR (data/raw), DBT_TARGET_PATH (target), DUCKDB_MEMORY_LIMIT, DUCKDB_THREADS

examples:
  python -m publish
  python -m publish --keep 10 --json
  python -m publish verify
"""
VERIFY = """\
Compare a published set with its manifest: rows, bytes and SHA-256 of each file. SET is a build id or a directory;
without it, the current set. Each difference is a line on stdout, and the exit code is 1 if there is any.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except (PublishError, ExtractError) as error:
        print(f"publish: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("publish: interrupted; what was current stays current", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m publish", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument("--keep", type=_at_least_one, default=3, metavar="N", help="how many sets stay (3)")
    parser.add_argument(
        "--newer-runs-ok",
        action="store_true",
        help="though runs have landed since it was built",
    )
    _add_shared(parser, None, False)
    parser.set_defaults(run=_publish)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    command = commands.add_parser(
        "verify",
        help="compare a set with its manifest",
        description=VERIFY,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("set", nargs="?", metavar="SET")
    _add_shared(command, argparse.SUPPRESS, argparse.SUPPRESS)  # what was given before the command counts too
    command.set_defaults(run=_verify)
    return parser


def _add_shared(parser: argparse.ArgumentParser, no_directory: str | None, no_json: str | bool) -> None:
    parser.add_argument(
        "--publish-dir",
        metavar="DIR",
        default=no_directory,
        help="where the sets are (default: PUBLISH_DIR, else data/published)",
    )
    parser.add_argument("--json", action="store_true", default=no_json, help="print one JSON object on stdout")


def _at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no number of sets: keep 1 or more")
    return int(text)


def _publish(options: argparse.Namespace) -> int:
    target = Path(setting("DBT_TARGET_PATH", DEFAULT_TARGET) or DEFAULT_TARGET)
    database = Path(setting("DUCKDB_PATH", DEFAULT_DATABASE) or DEFAULT_DATABASE)
    zone, sets = RawZone(raw_dir(None)), PublishedSets(publish_dir(options.publish_dir))
    with _bars() as progress:
        done = publish(target, database, zone, sets, options.keep, progress, options.newer_runs_ok)
    if options.json:
        content = asdict(done.manifest) | {"is_new": done.is_new, "deleted": done.deleted}
        print(json.dumps(content, ensure_ascii=True, indent=2))
    else:
        _print_published(done.manifest, done.is_new, done.deleted, sets)
    return 0


@contextmanager
def _bars() -> Generator[Callable[[str, int, int], None]]:
    """Show bars on stderr, where that is a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as bars:
        tasks: dict[str, TaskID] = {}

        def report(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=total)
            bars.update(tasks[name], completed=done, total=total)

        yield report


def _print_published(manifest: Manifest, is_new: bool, deleted: list[str], sets: PublishedSets) -> None:
    counts, size = manifest.counts, sum(entry.bytes for entry in manifest.files) / 1e6
    how = "published" if is_new else "published before, and current:"
    print(f"{how} {manifest.build_id} in {sets.directory}: {len(manifest.files)} files, {size:,.1f} MB")
    print(
        f"  {counts['palettes']:,} palettes, {counts['counted_results']:,} of {counts['results']:,} answers counted, "
        f"{counts['consensus_rows']:,} documents for Convex"
    )
    if counts["truncated_tags"] or counts["documents_left_out"]:
        print(
            f"  to keep Convex's limits, {counts['truncated_tags']:,} of the least said tags were cut off, "
            f"and {counts['documents_left_out']:,} documents with too long a seed left out"
        )
    if deleted:
        print(f"  deleted {', '.join(deleted)} (--keep)")


def _verify(options: argparse.Namespace) -> int:
    directory = PublishedSets(publish_dir(options.publish_dir)).find(options.set)
    found = differences(directory)
    if options.json:
        print(json.dumps({"set": str(directory), "differences": found}, indent=2))
    elif found:
        print("\n".join(found))
    else:
        print(f"{directory} is as its {MANIFEST} says")
    if found:
        print(f"publish: {directory} isn't as its {MANIFEST} says: run dbt build, and publish anew", file=sys.stderr)
    return 1 if found else 0
