"""What the tests of `publish` share: a build to publish, further builds of it, a reader, a judge."""

import json
import shutil
import subprocess
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import ROOT

from common.progress import no_progress
from common.raw_zone import RawZone
from common.releases import Releases
from publish.release import Published, publish

JUDGE = ROOT / "tests" / "convex_values"
ARTIFACTS = ("run_results.json", "manifest.json")


@dataclass(frozen=True)
class BuiltPlace:
    """A database, the raw zone that it was made of, and what dbt has told of it."""

    database: Path
    raw_dir: Path
    target: Path

    @property
    def docs(self) -> Path:
        """Where dbt's documentation of it is, if that was made."""
        return self.target.with_name("docs")

    def copied(self, directory: Path) -> "BuiltPlace":
        """A place of its own, to be changed."""
        copy = BuiltPlace(directory / self.database.name, directory / "raw", directory / "target")
        copy.target.mkdir(parents=True)
        shutil.copy(self.database, copy.database)
        shutil.copytree(self.raw_dir, copy.raw_dir)
        for name in ARTIFACTS:
            shutil.copy(self.target / name, copy.target / name)
        return copy

    def publish(self, directory: Path, keep: int = 3) -> Published:
        """Publish it to a directory."""
        zone, releases = RawZone(self.raw_dir), Releases(directory)
        return publish(self.target, self.database, zone, releases, keep, no_progress)

    def delete(self, rows: str) -> None:
        """Delete rows of a table of the database, `TABLE where …`."""
        with duckdb.connect(str(self.database)) as connection:
            connection.execute(f"delete from {rows}")

    def settings(self, directory: Path) -> dict[str, str]:
        """The settings by which the command publishes it to a directory."""
        return {
            "DUCKDB_PATH": str(self.database),
            "RAW_DIR": str(self.raw_dir),
            "DBT_TARGET_PATH": str(self.target),
            "PUBLISH_DIR": str(directory),
        }

    def results(self) -> dict[str, Any]:
        """What dbt has told of the last command."""
        return json.loads((self.target / "run_results.json").read_text())

    def manifest(self) -> dict[str, Any]:
        """The project as dbt sees it."""
        return json.loads((self.target / "manifest.json").read_text())

    def build_again(self, number: int) -> str:
        """Make the next build of it, `number` seconds later and with one palette more, as dbt would; return its id."""
        invocation_id = str(uuid.uuid4())
        for name in ARTIFACTS:
            content = json.loads((self.target / name).read_text())
            content["metadata"]["invocation_id"] = invocation_id
            moment = datetime(2030, 1, 1, tzinfo=UTC) + timedelta(seconds=number)
            content["metadata"]["generated_at"] = moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            (self.target / name).write_text(json.dumps(content))
        with duckdb.connect(str(self.database)) as connection:
            connection.execute("update raw.build_runs set invocation_id = ?", [invocation_id])
            one_more = "insert into palettes by name (select * replace (? as palette_seed) from palettes limit 1)"
            connection.execute(one_more, [f"palette of build {number}"])
        return f"{moment:%Y%m%dT%H%M%SZ}-{invocation_id.replace('-', '')[:12]}"


def read_current(directory: Path) -> str:
    """Read the current release as a consumer does, see that all of it is of one build, and return its id."""
    path = (directory / "current").resolve(strict=True)
    manifest = json.loads((path / "manifest.json").read_text())
    with duckdb.connect(str(path / "palettes.duckdb"), read_only=True) as connection:
        (build_id,) = connection.execute("select build_id from published_build").fetchone() or ("",)
        (palettes,) = connection.execute("select count(*) from palettes").fetchone() or (0,)
        parquet = str(path / "parquet" / "palettes.parquet")
        (in_parquet,) = connection.execute(
            "select count(*) from read_parquet(?, hive_partitioning = false)", [parquet]
        ).fetchone() or (0,)
    assert manifest["build_id"] == build_id == path.name
    assert manifest["counts"]["palettes"] == palettes == in_parquet
    return build_id


def judge(path: Path) -> subprocess.CompletedProcess[str]:
    """Have each line of a JSONL file judged."""
    if not shutil.which("node") or not (JUDGE / "node_modules" / "convex").exists():
        pytest.skip("needs npm, to have Convex's own package judge: install Node.js, then make judges")
    return subprocess.run(["node", JUDGE / "judge.mjs", path], capture_output=True, text=True, check=False)


def sizes(path: Path) -> list[int]:
    """The sizes of the documents in a JSONL file, all of which have to be accepted."""
    done = judge(path)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["sizes"]
