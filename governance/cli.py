"""The command line: judges the project, prints the report, and keeps it in target/governance/."""

import json
import os
import sys
from pathlib import Path

from governance.artefacts import make_artefacts
from governance.coverage import coverage
from governance.errors import GovernanceError
from governance.judge import judge
from governance.report import report


def main() -> int:
    """Judge the project in the working directory, and return the exit code."""
    directory = Path(os.environ.get("DBT_TARGET_PATH") or "target") / "governance"
    try:
        make_artefacts(directory)
        rules = judge(directory)
        manifest, catalog = (json.loads((directory / f"{name}.json").read_text()) for name in ("manifest", "catalog"))
        text = report(rules, coverage(manifest, catalog))
        (directory / "report.md").write_text(text, encoding="utf-8")
    except GovernanceError as error:
        print(f"governance: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        where = error.filename or directory
        print(f"governance: {where}: {error.strerror or error}; DBT_TARGET_PATH names another place", file=sys.stderr)
        return 1
    print(text)
    if broken := sum(bool(rule.breaches) for rule in rules):
        print(f"governance: {broken} rules are broken; mend what is listed above", file=sys.stderr)
        return 1
    return 0
