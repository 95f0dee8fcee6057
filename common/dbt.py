"""What dbt is given, and what it leaves: where it builds, its artefacts, and which command wrote them."""

import json
import os
import sys
from pathlib import Path
from typing import Any

from common.errors import CommandError
from common.paths import path_of
from common.problems import remedy
from common.settings import setting

DEFAULT_DATABASE = "data/build.duckdb"
DEFAULT_TARGET = "target"
ARTIFACTS = ("run_results.json", "manifest.json")
ONLY_LOOK = {"show", "compile", "list", "parse", "generate"}
"""The commands of dbt that change no table, and yet write over what a build has left."""


def database_path() -> Path:
    """Return where dbt builds: `DUCKDB_PATH`, else `data/build.duckdb`. Raises CommandError."""
    return path_of("DUCKDB_PATH", setting("DUCKDB_PATH") or DEFAULT_DATABASE)


def target_path() -> Path:
    """Return where dbt leaves its reports: `DBT_TARGET_PATH`, else `target`. Raises CommandError."""
    return path_of("DBT_TARGET_PATH", setting("DBT_TARGET_PATH") or DEFAULT_TARGET)


def colours() -> str:
    """Return dbt's own flag: it colours what it says in a pipe too, and doesn't know `NO_COLOR`."""
    return "--use-colors" if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else "--no-use-colors"


def kept_artifacts(target: Path) -> Path:
    """Return the folder in which `make` keeps what the last build has left."""
    return target / "last_build"


def artifacts(target: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the results and the manifest of the last dbt command that may have changed a table.

    Raises CommandError if they can't be read.
    """
    results, manifest = (_artifact(target / name) for name in ARTIFACTS)
    try:
        has_looked = results["args"]["which"] in ONLY_LOOK
        if has_looked or results["metadata"]["invocation_id"] != manifest["metadata"]["invocation_id"]:
            kept = kept_artifacts(target)
            if all((kept / name).is_file() for name in ARTIFACTS):
                kept_results, kept_manifest = (_artifact(kept / name) for name in ARTIFACTS)
                if has_looked or kept_results["metadata"]["invocation_id"] == results["metadata"]["invocation_id"]:
                    return kept_results, kept_manifest
    except (KeyError, TypeError) as error:
        raise CommandError(f"{target} isn't what this version of dbt writes ({error!r}): run dbt build") from error
    return results, manifest


def _artifact(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CommandError(f"there is no {path}: run dbt build") from error
    except OSError as error:
        raise CommandError(f"{path} can't be read ({error.strerror}): {remedy(error)}") from error
    except ValueError as error:
        raise CommandError(f"{path} can't be read ({error}): run dbt build") from error
