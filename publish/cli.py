"""The command line: a thin layer over functions that can be called."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

import msgspec

from common import __version__
from common.command import TRACEBACK_HELP, say
from common.dbt import database_path, target_path
from common.durations import duration
from common.errors import CommandError
from common.manifest import MANIFEST, differences
from common.raw_zone import RawZone
from common.releases import Releases, publish_dir
from common.settings import CONSENSUS_TABLE, raw_dir
from common.shrinking import FLAG
from common.terminal import bars
from common.text import visible
from convex.client import Client
from convex.deployment import deployment_of_settings
from palette import as_called, given_path
from publish.console import open_console
from publish.convex_archive import opened
from publish.diff import compare
from publish.diff_report import as_json, as_markdown, print_text
from publish.push import KEYS, Options, Pushed, push
from publish.release import Published, publish
from publish.renames import RENAMES, read_renames

DESCRIPTION = f"""\
Publish the last dbt build, if every model, seed and data test of it passed on what the raw zone holds now, and the unit
tests on its code (make unit-tests).

Writes <publish-dir>/<build_id>/ and makes it the current release in one step:

  palettes.duckdb      the public tables and functions; opens read-only, with DuckDB 1.4.2 or later
  parquet/             the same tables but tag_values, one file each (make parquet TABLE=tag_values)
  convex/              the consensus as JSONL, and as the ZIP that `npx convex import` takes
  manifest.json        where it all comes from; rows, bytes and SHA-256 of each file

Readers open <publish-dir>/current/…; what they have open they keep. The last 3 releases stay (--keep).
A build that failed, a partial build, and one that a newer run has overtaken are refused, with what is the matter.
So is one in which a table that counts documents (palettes, answers, palette_tag_consensus) has lost more than a
third of its rows since the last release, and more than 100 of them or more than 90 %, unless that many documents were
deleted. --allow-shrink TABLE says that it is meant; manifest.json records it. So it does with --allow-untested.

exit codes: 0 done; 1 failed, with one line on stderr that says what to do; 2 wrong usage
settings:   flags first, then the environment, then .env: PUBLISH_DIR (data/published), DUCKDB_PATH
            (data/build.duckdb), RAW_DIR (data/raw), DBT_TARGET_PATH (target),
            DUCKDB_MEMORY_LIMIT (1GB; of diff and console 4GB), DUCKDB_THREADS;
            for push CONVEX_URL or CONVEX_SELF_HOSTED_URL, and CONVEX_PUBLISH_KEY
errors:     {TRACEBACK_HELP}

examples:
  python -m publish
  python -m publish --keep 10 --json
  python -m publish verify
  python -m publish push --dry-run
"""
VERIFY = """\
Compare a release with its manifest: rows, bytes and SHA-256 of each file. RELEASE is a build id or a directory;
without it, the current release. Each difference is a line on stdout, and the exit code is 1 if there is any.
"""
DIFF = """\
Compare what the last build made, as it is in DUCKDB_PATH, with a release: the tables, columns, descriptions and
functions that came, went or changed, and the rows that did, by the columns that name a row, with a few of each.
RELEASE is a build id or a directory; without it, the current release. The first line says what changes for the app: in
the tables that an exposure of type application names. Nothing is published, and nothing is built: make diff does both
steps, dbt build and this.

A release from before public names changed is compared under the names of today. docs/renames.csv, or the file of
--renames, has them: table,column,value,new,reason. A line with a table only gives the new name of that table, one with
a column too that of the column, and one with a value too the new text of that value. Old names stand on the left; the
table * is each that has the column. A line that the release doesn't need changes nothing.

The exit code is 0 with or without differences; with --exit-code it is 1 if there is any, as git diff has it.

examples:
  python -m publish diff
  python -m publish diff --limit 20
  python -m publish diff --markdown > summary.md
"""
CONSOLE = """\
Open DuckDB's shell on palettes.duckdb of a release, read-only, and greet with the tables and functions that it
has. What comes on stdin is executed, and its result is all that is printed. The release stays the one that was current
at the beginning, whatever is published meanwhile. What follows -- goes to the shell.

examples:
  python -m publish console
  echo 'from tag_totals limit 3' | python -m publish console
  python -m publish console -- -csv -c "from top_tags('mood')" > moods.csv
"""
PUSH = """\
Replace the tables palette_tag_consensus and analytics_runs of a Convex deployment by those of a release, both in
one transaction: the app sees the old or the new, never a mixture. No other table is ever touched.

The deployment is asked what the import would do before it is confirmed. It is cancelled unless it would replace just
these two tables, write just the rows of the release, and delete just the rows that the last push wrote, as
analytics_runs has it. So the first push wants the tables empty, or --overwrite. A build that is there already is not
pushed again, and one older than that there only with --overwrite. So it is with older data than that of the last push,
and with data of another origin (a deployment, or files). Where the consensus would lose more than a third of its rows,
and more than 100 or more than 90 %, and no deletions explain it, --allow-shrink palette_tag_consensus has to say that
it is meant.
What is made of the sample is never pushed, whatever the flags. Nothing starts while another import is running.

The key is CONVEX_PUBLISH_KEY, and that alone: the key that reads a deployment needn't be able to replace its tables. It
needs the permissions deployment:backups:import, deployment:backups:view and deployment:data:view.

With Convex's own tool, and without the checks, in your app:
  npx convex import --replace PATH/TO/data/published/current/convex/import.zip

examples:
  python -m publish push --dry-run              upload, say what would be replaced, and cancel
  python -m publish push
  python -m publish push --max-age 26h          in a nightly job: not if the newest data is older than that
  python -m publish push 20261125T061644Z-0123456789ab --overwrite      go back to an older build
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except CommandError as error:
        print(f"publish: {visible(' '.join(str(error).split()))}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("publish: interrupted; what was current stays current", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=as_called("python -m publish"),
        description=as_called(DESCRIPTION),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument("--keep", type=_at_least_one, default=3, metavar="N", help="how many releases stay (3)")
    parser.add_argument(
        "--allow-stale", action="store_true", help="publish a build although newer runs have landed since"
    )
    parser.add_argument(
        "--allow-untested",
        action="store_true",
        help="publish a build whose code the unit tests haven't passed on",
    )
    _add_allow_shrink(parser)
    _add_shared(parser)
    parser.set_defaults(run=_publish)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    command = _command(commands, "verify", "compare a release with its manifest", VERIFY, _verify)
    command.add_argument("release", nargs="?", metavar="RELEASE")
    _add_shared(command, is_after_command=True)
    command = _command(commands, "diff", "compare the last build with a release", DIFF, _diff)
    command.add_argument("release", nargs="?", metavar="RELEASE")
    command.add_argument(
        "--limit", type=_not_negative, default=3, metavar="N", help="show N rows of each kind of change (3)"
    )
    command.add_argument("--markdown", action="store_true", help="print it as Markdown, for a pull request")
    command.add_argument(
        "--renames", type=given_path, metavar="FILE", help=f"public names that have changed (default: {RENAMES})"
    )
    command.add_argument("--exit-code", action="store_true", help="exit with 1 if anything differs")
    _add_shared(command, is_after_command=True)
    command = _command(commands, "console", "open a read-only SQL shell on a release", CONSOLE, _console)
    command.add_argument(
        "--release", metavar="RELEASE", help="a build id or a directory (default: the current release)"
    )
    command.add_argument("arguments", nargs="*", metavar="ARGUMENT", help="what DuckDB's shell takes, after --")
    command.add_argument(
        "--publish-dir", type=given_path, metavar="DIR", default=argparse.SUPPRESS, help="where the releases are"
    )
    command = _command(
        commands, "push", "replace the results on a Convex deployment by those of a release", PUSH, _push
    )
    command.add_argument(
        "release", nargs="?", metavar="RELEASE", help="a build id or a directory (default: the current release)"
    )
    command.add_argument("--url", help="the deployment's address (default: CONVEX_URL or CONVEX_SELF_HOSTED_URL)")
    command.add_argument("--dry-run", action="store_true", help="say what would be replaced, and replace nothing")
    command.add_argument(
        "--overwrite", action="store_true", help="replace whatever the two tables hold, by older or other data too"
    )
    _add_allow_shrink(command, (CONSENSUS_TABLE,))
    command.add_argument(
        "--max-age",
        type=duration,
        metavar="TIME",
        help="refuse a release whose newest data is older, or of unknown age",
    )
    command.add_argument("-v", "--verbose", action="store_true", help="report each request that is tried again")
    command.add_argument(
        "--wait", type=duration, default=timedelta(hours=1), metavar="TIME", help="wait so long for the deployment (1h)"
    )
    command.add_argument(
        "--retry-for", type=duration, default=timedelta(minutes=10), metavar="TIME", help="give up after (10m)"
    )
    _add_shared(command, is_after_command=True)
    return parser


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    what: str,
    description: str,
    run: Callable[[argparse.Namespace], int],
) -> argparse.ArgumentParser:
    command = commands.add_parser(
        name, help=what, description=as_called(description), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    command.set_defaults(run=run)
    return command


def _add_shared(parser: argparse.ArgumentParser, *, is_after_command: bool = False) -> None:
    """Add the flags of every command. After a command they set nothing by themselves: what was given before counts."""
    parser.add_argument(
        "--publish-dir",
        type=given_path,
        metavar="DIR",
        default=argparse.SUPPRESS if is_after_command else None,
        help="where the releases are (default: PUBLISH_DIR, else data/published)",
    )
    no_json = argparse.SUPPRESS if is_after_command else False
    parser.add_argument("--json", action="store_true", default=no_json, help="print one JSON object on stdout")


def _add_allow_shrink(parser: argparse.ArgumentParser, tables: Sequence[str] | None = None) -> None:
    what = "though TABLE loses most of its rows (repeatable)"
    parser.add_argument(FLAG, action="append", default=[], choices=tables, metavar="TABLE", help=what)


def _at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no number of releases: keep 1 or more")
    return int(text)


def _not_negative(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is no number of rows: show 0 or more")
    return int(text)


def _publish(options: argparse.Namespace) -> int:
    zone, releases = RawZone(raw_dir(None)), Releases(publish_dir(options.publish_dir))
    with bars("publish") as (progress, tell):
        paths = target_path(), database_path()
        done = publish(
            *paths,
            zone,
            releases,
            options.keep,
            progress,
            allow_stale=options.allow_stale,
            allow_shrink=options.allow_shrink,
            allow_untested=options.allow_untested,
            report=tell,
        )
    for table in done.manifest.shrunk if done.is_new else ():
        say(f"publish: {table}")
    if options.json:
        content = msgspec.to_builtins(done.manifest) | {"is_new": done.is_new, "deleted": done.deleted}
        print(json.dumps(content, ensure_ascii=True, indent=2))
    else:
        _print_published(done, releases)
    return 0


def _print_published(done: Published, releases: Releases) -> None:
    manifest, counts = done.manifest, done.manifest.counts
    size = sum(entry.bytes for entry in manifest.files) / 1e6
    how = "published" if done.is_new else "published before, and current:"
    print(f"{how} {manifest.build_id} in {releases.directory}: {len(manifest.files)} files, {size:,.1f} MB")
    print(
        f"  {counts['palettes']:,} palettes, {counts['counted_results']:,} of {counts['results']:,} answers counted, "
        f"{counts['consensus_rows']:,} documents for Convex"
    )
    if counts["truncated_tags"] or counts["documents_left_out"]:
        print(
            f"  to keep Convex's limits, {counts['truncated_tags']:,} of the least said tags were cut off, "
            f"and {counts['documents_left_out']:,} documents with too long a seed left out"
        )
    if manifest.is_sample:
        print("  it is made of the sample or of other generated data: to look at, and never to be pushed")
    if done.deleted:
        print(f"  deleted {', '.join(done.deleted)} (--keep)")


def _verify(options: argparse.Namespace) -> int:
    directory = Releases(publish_dir(options.publish_dir)).find(options.release)
    found = differences(directory)
    if options.json:
        print(json.dumps({"release": str(directory), "differences": found}, indent=2))
    elif found:
        print("\n".join(found))
    else:
        print(f"{directory} is as its {MANIFEST} says")
    if found:
        print(f"publish: {directory} isn't as its {MANIFEST} says: run dbt build, and publish again", file=sys.stderr)
    return 1 if found else 0


def _diff(options: argparse.Namespace) -> int:
    zone, published = RawZone(raw_dir(None)), Releases(publish_dir(options.publish_dir)).find(options.release)
    renames = read_renames(Path(options.renames or RENAMES))
    with bars("publish") as (progress, _):
        comparison = compare(target_path(), database_path(), zone, published, options.limit, progress, renames)
    if options.json:
        print(as_json(comparison))
    elif options.markdown:
        print(as_markdown(comparison))
    else:
        print_text(comparison)
    return 1 if options.exit_code and comparison.differences else 0


def _console(options: argparse.Namespace) -> NoReturn:
    open_console(Releases(publish_dir(options.publish_dir)).find(options.release), options.arguments)


def _push(options: argparse.Namespace) -> int:
    directory = Releases(publish_dir(options.publish_dir)).find(options.release)
    deployment = deployment_of_settings(options.url, KEYS)
    retry_seconds = options.retry_for.total_seconds()
    wishes = Options(
        overwrite=options.overwrite,
        dry_run=options.dry_run,
        allow_shrink=options.allow_shrink,
        max_age=options.max_age,
        wait_seconds=options.wait.total_seconds(),
        retry_seconds=retry_seconds,
    )
    with opened(directory) as archive, bars("publish", in_bytes=True) as (progress, tell):

        def report(text: str) -> None:
            tell(deployment.without_key(text))

        try:
            listener = {"report" if options.verbose else "tell": report}
            with Client(deployment, retry_seconds, **listener) as client:
                done = push(archive, client, wishes, report, progress)
        except CommandError as error:
            raise CommandError(deployment.without_key(str(error))) from None
    if options.json:
        print(json.dumps(asdict(done), ensure_ascii=False, indent=2))
    else:
        _print_pushed(done)
    return 0


def _print_pushed(done: Pushed) -> None:
    if done.outcome == "unchanged":
        print(f"{done.deployment} has build {done.build_id} already: nothing was uploaded")
    elif done.outcome == "dry_run":
        print(f"dry run: build {done.build_id} can be pushed to {done.deployment}; nothing was replaced")
    else:
        print(f"pushed build {done.build_id} to {done.deployment}, all tables in one step")
    verbs = ("to write", "to delete") if done.outcome == "dry_run" else ("written", "deleted")
    for table in done.tables:
        print(f"  {table.name:<24} rows {verbs[0]}: {table.rows:>9,}   {verbs[1]}: {table.replaced_rows:>9,}")
    if done.tables:
        print(f"  build there before: {visible(done.replaced_build_id or 'none that a push wrote')}")
    print(f"  the same with Convex's own tool, without the checks: {done.npx}")
