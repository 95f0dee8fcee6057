"""The page of results, `benchmarks/results.md`: a section for each thing measured, each with where and of what."""

import os
import platform
import re
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.measuring import PROJECT
from benchmarks.peers import POLARS

PAGE = PROJECT / "benchmarks" / "results.md"
HEAD = """# What it costs

Made by `make bench` and `make bench-growth`, which replace the sections that they measure; each section says where
and of what. The data is that of `benchmarks/generate.py`: 72 answers a palette, about 6 % of them spoilt. What is
measured, and how, is in [decision 0016](../docs/decisions/0016-measuring.md).
"""


def replace_section(page: Path, title: str, body: str) -> None:
    """Write a section of the page, in the place of the one with the same title, or at the end."""
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    sections = re.split(r"^(?=## )", text, flags=re.MULTILINE)[1:]
    section = f"## {title}\n\n{body.strip()}\n"
    if any(_title(one) == title for one in sections):
        sections = [section if _title(one) == title else one for one in sections]
    else:
        sections.append(section)
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text("\n".join([HEAD, *(one.rstrip() + "\n" for one in sections)]), encoding="utf-8")


def _title(section: str) -> str:
    return section.partition("\n")[0].removeprefix("## ")


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table: the first column is text, the others are numbers."""
    lines = [columns, ["---", *["---:"] * (len(columns) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def where_and_of_what() -> str:
    """Describe the machine, the versions, the day and the commit, without anything that names the machine."""
    processor = _processor()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    versions = [f"Python {platform.python_version()}"]
    versions += [f"{name} {version(package)}" for name, package in [("DuckDB", "duckdb"), ("dbt", "dbt-core")]]
    versions += [f"polars {found}"] if (found := _polars()) else []
    today = datetime.now(UTC).date().isoformat()
    machine = f"{cores} cores{f' ({processor})' if processor else ''}, {memory:.0f} GB, {platform.system()}"
    return f"{today}, commit {_commit()}; {machine}; {', '.join(versions)}."


def _processor() -> str:
    try:
        names = re.findall(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), flags=re.MULTILINE)
    except OSError:
        return platform.processor()
    return names[0].strip() if names else ""


def _commit() -> str:
    try:
        commit = _output("git", "rev-parse", "--short", "HEAD")
        but_for_the_page = [".", ":!benchmarks/results.md"]
        changes = _output("git", "status", "--porcelain", "--untracked-files=no", "--", *but_for_the_page)
        return f"{commit} with changes" if changes else commit
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _polars() -> str:
    return _output(str(POLARS), "-c", "import polars; print(polars.__version__)") if POLARS.exists() else ""


def _output(*command: str) -> str:
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout.strip()
