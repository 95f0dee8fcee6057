"""`python -m governance`: hold the project to its conventions; the report is printed, and kept in target/governance/.

Exit codes: 0 every rule holds; 1 a rule is broken, or the project can't be judged.
"""

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
    """Judge the project in the working directory."""
    directory = Path(os.environ.get("DBT_TARGET_PATH") or "target") / "governance"
    try:
        make_artefacts(directory)
        rules = judge(directory)
    except GovernanceError as error:
        print(f"governance: {error}", file=sys.stderr)
        return 1
    manifest, catalog = (json.loads((directory / f"{name}.json").read_text()) for name in ("manifest", "catalog"))
    text = report(rules, coverage(manifest, catalog))
    (directory / "report.md").write_text(text, encoding="utf-8")
    print(text)
    if broken := sum(bool(rule.breaches) for rule in rules):
        print(f"governance: {broken} rules are broken; mend what is listed above", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
