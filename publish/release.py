"""Write a set, look at it, and only then switch it in."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from extract.rawzone import RawZone
from publish.build import Build, audit
from publish.connection import limited_connection
from publish.convex import TABLE as CONSENSUS
from publish.convex import Written, write_documents, write_zip
from publish.database import write_database, write_parquet
from publish.errors import PublishError
from publish.manifest import Manifest, differences, files_of, git_commit, versions
from publish.problems import first_line, remedy
from publish.sets import PublishedSets

PROJECT = Path(__file__).parents[1]
COUNTS = """
    select
        (select count(*) from palettes) as palettes,
        (select count(*) from tag_results) as results,
        (select count(*) from tag_results where status = 'success') as counted_results
"""
Progress = Callable[[str, int, int], None]
"""Told of a step, how much of it is done, and how much there is."""


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
    sets: PublishedSets,
    keep: int,
    progress: Progress,
    newer_runs_ok: bool = False,
) -> Published:
    """Publish the last build: make its set and the link `current`, and delete all but the last `keep` sets.

    Raises PublishError, and leaves what was current as it was, if the build didn't pass or a set can't be written.
    """
    try:
        with sets.lock():
            build = audit(target, database, zone, newer_runs_ok)
            is_new = build.build_id not in sets.ids()
            if is_new:
                with sets.new(build.build_id) as directory:
                    _write(build, directory, progress)
            _refuse_if_damaged(sets.directory / build.build_id)
            sets.switch(build.build_id)
            return Published(Manifest.read(sets.directory / build.build_id), is_new, sets.prune(keep))
    except OSError as error:
        raise PublishError(
            f"can't write to {sets.directory}: {error.strerror or error}. What was current stays current; "
            f"{remedy(error)}, or choose another place with PUBLISH_DIR, and publish again"
        ) from error
    except duckdb.Error as error:
        reason = f"can't copy {database} to {sets.directory}: {first_line(error)}. What was current stays current"
        raise PublishError(f"{reason}; {remedy(error)}, and publish again") from error


def _write(build: Build, directory: Path, progress: Progress) -> None:
    path, commit = directory / "palettes.duckdb", git_commit(PROJECT)
    steps = len(build.internal) + sum(not mart.is_view for mart in build.marts) + len(build.marts)
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
    consensus, documents = parquet / f"{CONSENSUS}.parquet", directory / "convex" / f"{CONSENSUS}.jsonl"
    written = write_documents(consensus, documents, lambda done, total: progress("documents", done, total))
    now = datetime.now(UTC)
    counts = _counts(path, written)
    run = {
        "buildId": build.build_id,
        "snapshotTs": None if build.snapshot_ts is None else build.snapshot_ts / 1e6,
        "publishedAt": now.timestamp() * 1000,
        "palettes": float(counts["palettes"]),
        "results": float(counts["results"]),
        "countedResults": float(counts["counted_results"]),
        "consensusRows": float(counts["consensus_rows"]),
        "truncatedTags": float(counts["truncated_tags"]),
    }
    write_zip(documents, run, directory / "convex" / "import.zip")
    Manifest(
        build.build_id,
        build.built_at.isoformat(),
        now.isoformat(),
        build.source_runs,
        build.snapshot_ts,
        commit,
        versions(build),
        counts,
        files_of(directory),
    ).write(directory)


def _counts(database: Path, written: Written) -> dict[str, int]:
    with limited_connection(database.parent, database, read_only=True) as connection:
        result = connection.execute(COUNTS)
        names = [column[0] for column in result.description]
        counts = dict(zip(names, result.fetchone() or (), strict=True))
    return counts | {
        "consensus_rows": written.rows,
        "truncated_tags": written.truncated_tags,
        "documents_left_out": written.left_out,
    }


def _refuse_if_damaged(directory: Path) -> None:
    if found := differences(directory):
        raise PublishError(f"{directory} isn't as it was written ({'; '.join(found)}): run dbt build, and publish that")
