"""The command line: judges the project, prints the report, and keeps it in target/governance/."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from common.command import TRACEBACK_HELP
from common.errors import CommandError
from common.paths import path_of
from common.settings import setting
from governance.artefacts import make_artefacts
from governance.judge import judge
from governance.report import report


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge the project in the working directory, and return the exit code."""
    _parser().parse_args(arguments)
    directory = Path("target")
    try:
        directory = path_of("DBT_TARGET_PATH", setting("DBT_TARGET_PATH") or "target") / "governance"
        make_artefacts(directory)
        rules = judge(directory)
        text = report(rules)
        (directory / "report.md").write_text(text, encoding="utf-8")
    except CommandError as error:
        print(f"governance: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        where = error.filename or directory
        print(f"governance: {where}: {error.strerror or error}; DBT_TARGET_PATH names another place", file=sys.stderr)
        return 1
    print(text)
    if broken := sum(bool(rule.breaches) for rule in rules):
        print(f"governance: {broken} rules are broken; fix what is listed above", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        prog="python -m governance",
        description="Hold the dbt project in the working directory to its conventions. The report is printed, and kept "
        "in target/governance/ (DBT_TARGET_PATH). Exit code 1: a rule is broken, or the project can't be judged.",
        epilog=f"Not needed to build or to publish; {TRACEBACK_HELP}.",
    )
