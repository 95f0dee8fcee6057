"""manifest.json: what a release is made of, and whether it still is."""

import json
import zipfile
from pathlib import Path
from typing import Literal

import duckdb
import msgspec
import pyarrow.parquet as pq
from msgspec.structs import replace

from common.errors import CommandError
from common.files import fingerprint
from common.problems import remedy
from common.sql import quoted

MANIFEST = "manifest.json"
SAMPLE_RESULTS = 1812
"""The answers in the bundled sample."""
Reason = Literal["allowed", "deleted", "not guarded"]
_REASONS: dict[Reason, str] = {
    "allowed": "as --allow-shrink says",
    "deleted": "and as many documents were deleted since",
    "not guarded": "which nothing stops, as it counts no documents",
}


class SourceRun(msgspec.Struct, frozen=True):
    """A run of the raw zone that went into the build. `snapshot_ts` is in nanoseconds since 1970."""

    run_id: str
    kind: str
    snapshot_ts: int | None
    source_type: str
    source_name: str
    is_sample: bool = False
    """Made-up data landed in it, see `extract.sample`."""


class Shrunk(msgspec.Struct, frozen=True):
    """A table that lost most of its rows since the last release, and why it was published all the same."""

    table: str
    before: int
    after: int
    reason: Reason

    def __str__(self) -> str:
        return f"{self.table} shrinks from {self.before:,} to {self.after:,} rows, {_REASONS[self.reason]}"


class UnitTests(msgspec.Struct, frozen=True):
    """The code of a build, as a fingerprint, and when all unit tests passed on it (ISO 8601, UTC); None: not known."""

    code: str
    passed_at: str | None


class FileEntry(msgspec.Struct, frozen=True):
    """A file of a release. `path` is relative to the release; `rows` are those of all tables in it."""

    path: str
    rows: int
    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """The content of `manifest.json`. Times are ISO 8601 (UTC); `snapshot_ts` is in nanoseconds since 1970."""

    build_id: str
    built_at: str
    published_at: str
    source_runs: list[SourceRun]
    snapshot_ts: int | None
    git_commit: str | None
    """The commit, and `-dirty` after it where files differed from it. None outside a repository."""
    versions: dict[str, str]
    counts: dict[str, int]
    files: list[FileEntry]
    is_sample: bool = False
    """Made-up data is in it: the bundled sample, or what `benchmarks/generate.py` wrote."""
    origin: str | None = None
    """Where the newest of its data came from: a deployment, or `file`. None in releases from before this was kept."""
    deletes: dict[str, int] | None = None
    """The deletions that had ever landed, by table of Convex. None in releases from before this was kept."""
    shrunk: list[Shrunk] = msgspec.field(default_factory=list)
    """The tables that lost most of their rows since the release before, and why that stopped nothing."""
    unit_tests: UnitTests | None = None
    """None in releases from before this was kept. `passed_at` is None where `--allow-untested` published it."""
    inputs: str | None = None
    """What the build was made with, see `common.inputs`; None where plain dbt made it."""
    rows: dict[str, int] | None = None
    """The rows of each public table. None in releases from before this was kept."""

    def write(self, directory: Path) -> None:
        """Write it into a release."""
        content = json.dumps(msgspec.to_builtins(self), ensure_ascii=False, indent=2)
        (directory / MANIFEST).write_text(f"{content}\n", encoding="utf-8", errors="backslashreplace")

    @classmethod
    def read(cls, directory: Path) -> "Manifest":
        """Read the one of a release. Raises CommandError if it can't be read."""
        path = directory / MANIFEST
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            manifest = msgspec.convert(content, cls)
            return manifest if "is_sample" in content else replace(manifest, is_sample=_was_sample(manifest))
        except (FileNotFoundError, NotADirectoryError) as error:
            raise CommandError(f"{path} can't be read, as it isn't there: publish again with make build") from error
        except OSError as error:
            raise CommandError(f"{path} can't be read ({error.strerror}): {remedy(error)}") from error
        except (ValueError, TypeError) as error:
            raise CommandError(
                f"{path} can't be read ({error}): publish again with dbt build, python -m publish"
            ) from error


def _was_sample(manifest: Manifest) -> bool:
    """Tell whether a release from before this was kept is of the bundled sample."""
    names = {run.source_name for run in manifest.source_runs}
    return "convex-export.zip" in names and manifest.counts.get("results") == SAMPLE_RESULTS


def files_of(directory: Path) -> list[FileEntry]:
    """Return an entry for each file of a release but its manifest. Raises OSError, or ValueError for a damaged file."""
    paths = sorted(p for p in directory.rglob("*") if p.is_file() and p != directory / MANIFEST)
    return [_entry(path, directory) for path in paths]


def differences(directory: Path) -> list[str]:
    """Return what isn't as a release's manifest says, one sentence each. Raises CommandError if that can't be read."""
    manifest = Manifest.read(directory)
    found = [] if directory.name == manifest.build_id else [f"the release is of build {manifest.build_id}"]
    expected = {entry.path: entry for entry in manifest.files}
    present = {str(p.relative_to(directory)) for p in directory.rglob("*") if p.is_file()} - {MANIFEST}
    found += [f"{path} is missing" for path in sorted(expected.keys() - present)]
    found += [f"{path} isn't in the manifest" for path in sorted(present - expected.keys())]
    for path in sorted(expected.keys() & present):
        entry = expected[path]
        size, digest = fingerprint(directory / path)
        if size != entry.bytes:
            found.append(f"{path} has {size:,} bytes instead of {entry.bytes:,}")
        elif digest != entry.sha256:
            found.append(f"{path} has other bytes: SHA-256 {digest} instead of {entry.sha256}")
        elif (rows := _rows(directory / path)) != entry.rows:
            found.append(f"{path} has {rows:,} rows instead of {entry.rows:,}")
    return found


def _entry(path: Path, directory: Path) -> FileEntry:
    return FileEntry(str(path.relative_to(directory)), _rows(path), *fingerprint(path))


def _rows(path: Path) -> int:
    if path.suffix == ".parquet":
        return pq.read_metadata(path).num_rows
    if path.suffix == ".duckdb":
        with duckdb.connect(str(path), read_only=True) as connection:
            tables = connection.execute("select schema_name, table_name from duckdb_tables()").fetchall()
            return sum(len(connection.table(f"{quoted(schema)}.{quoted(table)}")) for schema, table in tables)
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.endswith("/documents.jsonl")]
            return sum(sum(1 for _line in archive.open(name)) for name in names)
    with path.open("rb") as file:
        return sum(1 for _line in file)
