"""The import of a release, checked before anything leaves this machine.

A release's `convex/import.zip` is a uniform ZIP: for each of our tables `documents.jsonl` and `generated_schema.jsonl`.
"""

import hashlib
import json
import math
import zipfile
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any

from common.errors import CommandError
from common.manifest import Manifest
from common.settings import CONSENSUS_TABLE, PUBLISHED_TABLES, RUNS_TABLE

"""All that a push may ever write."""
ARCHIVE = "convex/import.zip"
CONSENSUS_LINES = "convex/palette_tag_consensus.jsonl"
_AGAIN = "publish again with dbt build, python -m publish"


@dataclass(frozen=True)
class Archive:
    """An open archive that is what its manifest says. `rows` are those of each table."""

    path: Path
    file: BufferedReader
    size: int
    build_id: str
    rows: dict[str, int]
    run: dict[str, Any]
    """The row of `analytics_runs`."""
    is_sample: bool

    @property
    def snapshot_ms(self) -> float | None:
        """When its newest data was as it is, in milliseconds since 1970; None where that isn't known."""
        found = self.run.get("snapshotTs")
        return float(found) if isinstance(found, float | int) and math.isfinite(found) else None


@contextmanager
def opened(directory: Path) -> Generator[Archive]:
    """Open the archive of a release. What is read then is what was checked, whatever becomes of the release.

    Raises CommandError for a release that isn't whole, or whose archive holds another table than ours.
    """
    manifest, path = Manifest.read(directory), directory / ARCHIVE
    try:
        file = path.open("rb")
    except OSError as error:
        raise CommandError(f"{path} can't be read ({error.strerror}): {_AGAIN}") from error
    with file:
        yield _checked(path, file, manifest)


def _checked(path: Path, file: BufferedReader, manifest: Manifest) -> Archive:
    files = {entry.path: entry for entry in manifest.files}
    entry = files.get(ARCHIVE)
    sha256, size = hashlib.file_digest(file, "sha256").hexdigest(), file.tell()
    if entry is None or (entry.bytes, entry.sha256) != (size, sha256):
        raise CommandError(f"{path} isn't the file that manifest.json describes: {_AGAIN}")
    try:
        rows, run = _rows_and_run(path, file, manifest.build_id)
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError) as error:
        raise CommandError(f"{path} is damaged ({error}): {_AGAIN}") from error
    lines = files.get(CONSENSUS_LINES)
    if lines is None or lines.rows != rows[CONSENSUS_TABLE]:
        raise CommandError(f"{path} hasn't as many rows of {CONSENSUS_TABLE} as manifest.json says: {_AGAIN}")
    return Archive(path, file, size, manifest.build_id, rows, run, manifest.is_sample or bool(run.get("isSample")))


def _rows_and_run(path: Path, file: BufferedReader, build_id: str) -> tuple[dict[str, int], dict[str, Any]]:
    """Count the rows of each table, having read every byte, and return them with the row of `analytics_runs`."""
    with zipfile.ZipFile(file) as archive:
        wanted = {f"{table}/{name}.jsonl" for table in PUBLISHED_TABLES for name in ("documents", "generated_schema")}
        if sorted(archive.namelist()) != sorted(wanted):
            others = ", ".join(sorted({*archive.namelist()} ^ wanted)) or "one of them twice"
            raise CommandError(
                f"{path} must hold the tables {' and '.join(PUBLISHED_TABLES)} and nothing else, not {others}"
            )
        for table in PUBLISHED_TABLES:
            if archive.read(f"{table}/generated_schema.jsonl").strip() != b'"uniform"':
                raise CommandError(f"{path} isn't in the uniform format, in which 3.0 is a number of Convex: {_AGAIN}")
        rows = {}
        for table in PUBLISHED_TABLES:
            with archive.open(f"{table}/documents.jsonl") as lines:
                rows[table] = sum(1 for _ in lines)
        run = json.loads(archive.read(f"{RUNS_TABLE}/documents.jsonl")) if rows[RUNS_TABLE] == 1 else {}
    if not isinstance(run, dict) or (run.get("buildId"), run.get("consensusRows")) != (build_id, rows[CONSENSUS_TABLE]):
        raise CommandError(
            f"the one row of {RUNS_TABLE} in {path} doesn't tell of build {build_id} and its rows: {_AGAIN}"
        )
    return rows, run
