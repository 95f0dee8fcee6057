"""Paths as people write them in settings and flags, and as DuckDB reads them."""

import re
from pathlib import Path

from common.errors import CommandError


def path_of(name: str, text: str) -> Path:
    """Return the path that a setting or flag holds; `~/` is the home directory.

    Raises CommandError for any other `~` at the beginning: dbt knows no other home, and DuckDB takes it for yours.
    """
    if not text.startswith("~"):
        return Path(text)
    if text == "~" or text.startswith("~/"):
        try:
            return Path(text).expanduser()
        except RuntimeError as error:
            raise CommandError(f"{name}={text}: there is no home directory: write the path from / on") from error
    raise CommandError(f"{name}={text}: of ~ only ~/ is known, your own home directory: write the path from / on")


def as_pattern(path: Path) -> str:
    """Return a path for `read_parquet` and its like, which take every path for a pattern."""
    text = re.sub(r"([*?[])", r"[\1]", str(path))
    return f"./{text}" if text.startswith("~") else text
