"""The commands `palette-extract` and `palette-publish`: `python -m extract` and `publish`, from any directory.

The project is PALETTE_PROJECT_DIR, else the nearest one upwards, else the one whose environment the command is in.
"""

import os
import runpy
import sys
from pathlib import Path

__version__ = "0.1.0"
"""The version of the project, written nowhere else: pyproject.toml and the commands read it here."""

PROJECT_DIR = "PALETTE_PROJECT_DIR"
_called_as, _called_from = "", ""
"""Name and directory of the call of a command; empty under `python -m`, where paths need no change."""


def extract() -> None:
    """Run `python -m extract` in the project."""
    _run("extract")


def publish() -> None:
    """Run `python -m publish` in the project."""
    _run("publish")


def find_project(start: Path, chosen: str | None) -> Path:
    """Return the project's directory. Raises LookupError where there is none."""
    candidates = [Path(chosen)] if chosen else [start, *start.parents, Path(sys.prefix).parent]
    for directory in candidates:
        if (directory / "dbt_project.yml").is_file() and (directory / "extract" / "__main__.py").is_file():
            return directory.resolve()
    where = f"{PROJECT_DIR}={chosen} isn't the project" if chosen else f"{start} isn't in the project"
    raise LookupError(f"{where}: set {PROJECT_DIR} to the directory that holds its dbt_project.yml")


def given_path(text: str) -> str:
    """Return an argument that is a path, as the project's directory sees it. `~/` is left to whoever reads it."""
    return text if text.startswith("~") else os.path.join(_called_from, text)  # noqa: PTH118 - keeps how it is written


def as_called(text: str) -> str:
    """Return a command's help with the name that it was called by."""
    return text.replace(f"python -m {_called_as.removeprefix('palette-')}", _called_as) if _called_as else text


def _run(module: str) -> None:
    global _called_as, _called_from
    _called_as = f"palette-{module}"
    try:
        _called_from = str(Path.cwd())
        project = find_project(Path.cwd(), os.environ.get(PROJECT_DIR))
        os.chdir(project)
    except (LookupError, OSError) as error:
        sys.exit(f"{_called_as}: {error}")
    sys.path.insert(0, str(project))
    runpy.run_module(module, run_name="__main__", alter_sys=True)
