"""What a build is made with, as one fingerprint: code, seeds, versions, dbt's settings, and the places of data.

It is taken before dbt starts, so an edit during a build makes the next one differ. Memory and threads change no row.
"""

import hashlib
import json
import os
from importlib.metadata import version
from pathlib import Path

from common.dbt import database_path, kept_artifacts
from common.files import fingerprint
from common.settings import raw_dir

_DBT = ("models", "macros", "functions", "seeds", "tests")
_FILES = ("dbt_project.yml", "selectors.yml")
_SUFFIXES = {".sql", ".yml", ".yaml", ".md", ".csv"}
_PYTHON = ("common", "publish")
_PROJECT = Path(__file__).parents[1]
_PACKAGES = ("dbt-core", "dbt-duckdb", "duckdb", "pyarrow")
_KEPT = "inputs"


def inputs() -> str:
    """Return the fingerprint (SHA-256, hex) of what a build started now would be made with. Raises CommandError."""
    digest = hashlib.sha256()
    for name, value in sorted(os.environ.items()):
        if name.startswith("DBT_") and not name.startswith("DBT_LOG"):
            digest.update(f"{name}={value}\0".encode(errors="surrogateescape"))
    for name in _PACKAGES:
        digest.update(f"{name} {version(name)}\0".encode())
    for path in (raw_dir(None), database_path()):
        digest.update(f"{path.absolute()}\0".encode(errors="surrogateescape"))
    for path in sorted(_files()):
        digest.update(f"{path} {fingerprint(path)}\0".encode(errors="surrogateescape"))
    return digest.hexdigest()


def _files() -> list[Path]:
    project = Path(os.environ.get("DBT_PROJECT_DIR") or ".")
    profiles = Path(os.environ.get("DBT_PROFILES_DIR") or ".")
    found = [path for path in (profiles / "profiles.yml", *map(project.joinpath, _FILES)) if path.is_file()]
    for folder in _DBT:
        found += [path for path in (project / folder).rglob("*") if path.suffix in _SUFFIXES and path.is_file()]
    for folder in _PYTHON:
        found += (_PROJECT / folder).rglob("*.py")
    return found


def keep_inputs(target: Path, text: str) -> None:
    """Keep what a build was made with beside what it left."""
    (kept_artifacts(target) / _KEPT).write_text(text, encoding="utf-8")


def kept_inputs(target: Path, invocation_id: str) -> str | None:
    """Return what a build was made with; None where plain dbt made it, or another build after it."""
    kept = kept_artifacts(target)
    try:
        results = json.loads((kept / "run_results.json").read_text(encoding="utf-8"))
        text = (kept / _KEPT).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
    return text or None if results["metadata"]["invocation_id"] == invocation_id else None
