"""Write a release, look at it, and only then switch it in."""

import subprocess
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb

from common import __version__
from common.dbt import artifacts
from common.errors import CommandError, first_line
from common.inputs import kept_inputs
from common.manifest import FileEntry, Manifest, Shrunk, UnitTests, differences, files_of
from common.problems import remedy
from common.progress import Progress, Tell, silent
from common.raw_zone import RawZone
from common.releases import Releases
from common.settings import CONSENSUS_TABLE
from common.shrinking import Loss
from common.sql import quoted
from publish.build import Build, audit
from publish.connection import limited_connection
from publish.convex import Written, write_documents, write_zip
from publish.database import STORAGE_VERSION, write_database, write_parquet
from publish.losses import shrunk_tables
from publish.sample import holds_sample
from publish.unit_tests import COMMAND, unit_tests_of

PROJECT = Path(__file__).parents[1]
COUNTED = "select count(*) from answers where status = 'success'"


@dataclass(frozen=True)
class Published:
    """What `publish` did. Where this build had been published before, nothing is written again."""

    manifest: Manifest
    is_new: bool
    deleted: list[str]


def publish(
    target: Path,
    database: Path,
    zone: RawZone,
    releases: Releases,
    keep: int,
    progress: Progress,
    *,
    allow_stale: bool = False,
    allow_shrink: Collection[str] = (),
    allow_untested: bool = False,
    report: Tell = silent,
) -> Published:
    """Publish the last build: make its release and the link `current`, and delete all but the last `keep` releases.

    Tables of `allow_shrink` may lose most of their rows; with `allow_untested`, the unit tests need not have passed on
    its code. Raises CommandError, and leaves what was current as it was, if the build or its code didn't pass, if
    another table that counts documents lost most of its rows, or if a release can't be written.
    """
    try:
        with releases.lock():
            build = audit(target, database, zone, allow_stale=allow_stale)
            _refuse_unknown(build, allow_shrink)
            is_new = build.build_id not in releases.ids()
            if is_new:
                last = releases.manifest(report)
                tests = unit_tests_of(target, *artifacts(target), last)
                if not (tests.passed_at or allow_untested):
                    raise CommandError(
                        f"the unit tests haven't passed on the code of this build: {COMMAND}, and publish again; "
                        "or publish it with --allow-untested"
                    )
                with releases.new(build.build_id) as directory:
                    _write(
                        build, directory, last, tests, kept_inputs(target, build.invocation_id), allow_shrink, progress
                    )
            _refuse_if_damaged(releases.directory / build.build_id)
            releases.switch(build.build_id)
            return Published(Manifest.read(releases.directory / build.build_id), is_new, releases.prune(keep))
    except OSError as error:
        raise CommandError(
            f"can't write to {releases.directory}: {error.strerror or error}. What was current stays current; "
            f"{remedy(error)}, or choose another place with PUBLISH_DIR, and publish again"
        ) from error
    except duckdb.Error as error:
        reason = f"can't copy {database} to {releases.directory}: {first_line(error)}. What was current stays current"
        raise CommandError(f"{reason}; {remedy(error)}, and publish again") from error


def _refuse_unknown(build: Build, allow_shrink: Collection[str]) -> None:
    guarded = {mart.name for mart in build.marts if mart.counts_documents_of}
    if unknown := sorted({*allow_shrink} - guarded):
        names = ", ".join(sorted(guarded))
        raise CommandError(f"--allow-shrink {unknown[0]}: only tables that count documents are guarded: {names}")


def _shrunk(build: Build, rows: dict[str, int], last: Manifest | None, allowed: Collection[str]) -> list[Shrunk]:
    """Return what has lost most of its rows since the last release. Raises CommandError, see `shrunk_tables`."""
    if last is None or last.is_sample:  # made-up rows are no loss
        return []
    before, after = last.rows or _parquet_rows(last.files), rows
    losses = [Loss(name, before[name], after[name]) for name in after if name in before]
    return shrunk_tables(losses, deletes_since(build, last), allowed)


def _parquet_rows(files: list[FileEntry]) -> dict[str, int]:
    return {Path(entry.path).stem: entry.rows for entry in files if entry.path.endswith(".parquet")}


def deletes_since(build: Build, last: Manifest) -> dict[str, int]:
    """Return for each table that counts documents how many of them were deleted since a release of the same origin.

    Where what was deleted before has been forgotten since, that counts too.
    """
    forgotten = build.forgot_at > max((run.run_id for run in last.source_runs), default="")
    counted_before = {} if forgotten else last.deletes or {}
    since: dict[str, int] = {}
    if last.deletes is not None and last.origin == build.origin:
        since = {table: max(0, count - counted_before.get(table, 0)) for table, count in build.deletes.items()}
    guarded = [mart for mart in build.marts if mart.counts_documents_of]
    return {mart.name: sum(since.get(table, 0) for table in mart.counts_documents_of) for mart in guarded}


def _write(
    build: Build,
    directory: Path,
    last: Manifest | None,
    tests: UnitTests,
    made_with: str | None,
    allow_shrink: Collection[str],
    progress: Progress,
) -> None:
    path, commit = directory / "palettes.duckdb", _git_commit(PROJECT)
    steps = len(build.internal) + sum((not mart.is_view) + (not mart.parquet_on_demand) for mart in build.marts)
    done = 0

    def step(_name: str) -> None:
        nonlocal done
        progress("tables", done, steps)
        done += 1

    write_database(build, path, commit, step)
    parquet = directory / "parquet"
    write_parquet(build, path, parquet, step)
    progress("tables", steps, steps)

    (directory / "convex").mkdir()
    consensus, documents = parquet / f"{CONSENSUS_TABLE}.parquet", directory / "convex" / f"{CONSENSUS_TABLE}.jsonl"
    written = write_documents(consensus, documents, lambda done, total: progress("documents", done, total))
    rows = _rows(build, path)
    now, counts = datetime.now(UTC), _counts(path, rows, written)
    is_sample = any(run.is_sample for run in build.source_runs) or holds_sample(path)
    write_zip(documents, _analytics_run(build, now, counts, is_sample=is_sample), directory / "convex" / "import.zip")
    files = files_of(directory)
    Manifest(
        build.build_id,
        build.built_at.isoformat(),
        now.isoformat(),
        build.source_runs,
        build.snapshot_ts,
        commit,
        _versions(build),
        counts,
        files,
        is_sample,
        build.origin,
        build.deletes,
        _shrunk(build, rows, last, allow_shrink),
        tests,
        made_with,
        rows,
    ).write(directory)


def _analytics_run(build: Build, now: datetime, counts: dict[str, int], *, is_sample: bool) -> dict[str, Any]:
    """Return the row of `analytics_runs`."""
    counted = next((mart.counts_documents_of for mart in build.marts if mart.name == CONSENSUS_TABLE), ())
    run = {
        "buildId": build.build_id,
        "snapshotTs": None if build.snapshot_ts is None else build.snapshot_ts / 1e6,
        "publishedAt": now.timestamp() * 1000,
        "palettes": float(counts["palettes"]),
        "results": float(counts["results"]),
        "countedResults": float(counts["counted_results"]),
        "consensusRows": float(counts["consensus_rows"]),
        "truncatedTags": float(counts["truncated_tags"]),
        "origin": build.origin,
        "deletedResults": float(sum(build.deletes.get(table, 0) for table in counted)),
    }
    return run | {"isSample": True} if is_sample else run


def _counts(database: Path, rows: dict[str, int], written: Written) -> dict[str, int]:
    with limited_connection(database.parent, database, read_only=True) as connection:
        counted = connection.execute(COUNTED).fetchall()[0][0]
    return {
        "palettes": rows["palettes"],
        "results": rows["answers"],
        "counted_results": counted,
        "consensus_rows": written.rows,
        "truncated_tags": written.truncated_tags,
        "documents_left_out": written.left_out,
    }


def _rows(build: Build, database: Path) -> dict[str, int]:
    with limited_connection(database.parent, database, read_only=True) as connection:
        counts = [f"(select count(*) from main.{quoted(mart.name)})" for mart in build.marts]  # noqa: S608 - quoted
        found = connection.execute(f"select {', '.join(counts)}").fetchall()[0]
    return {mart.name: count for mart, count in zip(build.marts, found, strict=True)}


def _refuse_if_damaged(directory: Path) -> None:
    if found := differences(directory):
        raise CommandError(f"{directory} isn't as it was written ({'; '.join(found)}): run dbt build, and publish that")


def _git_commit(project: Path) -> str | None:
    """Return the commit that a directory is at; None where that isn't known."""
    command = ["git", "-C", str(project), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() or None
    except (OSError, subprocess.CalledProcessError):
        return None


def _versions(build: Build) -> dict[str, str]:
    """Return the versions of all that had a part in a release."""
    return {
        "palette-analytics": __version__,
        "dbt-core": build.dbt_version,
        "dbt-duckdb": version("dbt-duckdb"),
        "duckdb": duckdb.__version__,
        "duckdb-storage": STORAGE_VERSION,
    }
