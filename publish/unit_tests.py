"""`python -m publish.unit_tests`: run the unit tests, unless they have passed on the code of the last build.

Unit tests judge code and mock its rows, so they need not run again until code changes: `dbt build` leaves them out
(`selectors.yml`). They have passed where the last build, this command, or the current release ran them on equal code.
"""

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import duckdb

from common.command import guarded, say
from common.dbt import artifacts, target_path
from common.errors import CommandError
from common.manifest import Manifest, UnitTests
from common.releases import Releases, publish_dir
from common.run_dbt import main as run_dbt

FOLDER = "unit_tests"
"""Where, under dbt's target, this command leaves the results of the unit tests."""
COMMAND = "make unit-tests"


def code_of(manifest: dict[str, Any]) -> str:
    """Return a fingerprint (SHA-256, hex) of all that may change what a unit test finds.

    It is of models, functions, macros, column types, unit tests and versions, as dbt has read them. Seeds are data.
    """
    nodes = {**manifest["nodes"], **manifest.get("functions", {})}
    code = {
        "versions": [manifest["metadata"]["dbt_version"], duckdb.__version__],
        "macros": {key: macro["macro_sql"] for key, macro in manifest["macros"].items()},
        "models": {
            key: [node["raw_code"], node["config"].get("materialized"), _types(node)]
            for key, node in nodes.items()
            if node["resource_type"] in ("model", "function")
        },
        "unit_tests": {
            key: [test["model"], test["given"], test["expect"], test["overrides"]]
            for key, test in manifest["unit_tests"].items()
        },
    }
    return hashlib.sha256(json.dumps(code, sort_keys=True).encode()).hexdigest()


def _types(node: dict[str, Any]) -> dict[str, str | None]:
    return {name: column.get("data_type") for name, column in node.get("columns", {}).items()}


def unit_tests_of(
    target: Path, results: dict[str, Any], manifest: dict[str, Any], last: Manifest | None = None
) -> UnitTests:
    """Return on which code a build was made, and when its unit tests passed on it; None where nothing says so.

    `target` is where dbt leaves its results, `results` and `manifest` those of the build, `last` the current release.
    """
    code = code_of(manifest)
    for ran_results, ran_manifest in [(results, manifest), *_ran(target)]:
        passed = {one["unique_id"] for one in ran_results["results"] if one["status"] == "pass"}
        if passed >= manifest["unit_tests"].keys() and code_of(ran_manifest) == code:
            return UnitTests(code, ran_results["metadata"]["generated_at"])
    if last and last.unit_tests and last.unit_tests.code == code:
        return last.unit_tests
    return UnitTests(code, None)


def _ran(target: Path) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    try:
        return [artifacts(target / FOLDER)]
    except CommandError:
        return []  # they have never run here, or were cut off


def main() -> int:
    """Return 0 where all unit tests have passed on the code of the last build, if need be now."""
    try:
        target, releases = target_path(), Releases(publish_dir(None))
        results, manifest = artifacts(target)
        last = releases.manifest()
        if unit_tests_of(target, results, manifest, last).passed_at:
            return 0
    except CommandError as error:
        say(f"unit tests: {error}")
        return 1
    say(f"{len(manifest['unit_tests'])} unit tests, since the code has changed")
    os.environ["DBT_TARGET_PATH"] = str(target / FOLDER)
    parsed = target / "partial_parse.msgpack"  # dbt refuses a path that isn't there
    known = ["--partial-parse-file-path", str(parsed)] if parsed.exists() else []
    return run_dbt(["--quiet", "test", "--select", "test_type:unit", *known])


if __name__ == "__main__":
    sys.exit(guarded("unit tests", main))
