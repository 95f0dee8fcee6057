"""Where settings come from: a flag first, then the environment, then `.env` in the working directory."""

import os
import re
from pathlib import Path

from dotenv import dotenv_values

from extract.errors import ExtractError
from extract.paths import path_of

DEFAULT_RAW_DIR = "data/raw"


def setting(name: str, default: str | None = None) -> str | None:
    """Return the environment's value of `name`, else the one of `.env`, else `default`. Empty counts as unset."""
    return os.environ.get(name) or dotenv_values(".env").get(name) or default


def raw_dir(flag: str | None) -> Path:
    """Return the raw zone's directory: `--raw-dir`, else `RAW_DIR`, else `data/raw`. Raises ExtractError."""
    name, text = ("--raw-dir", flag) if flag else ("RAW_DIR", setting("RAW_DIR") or DEFAULT_RAW_DIR)
    if re.search(r"\\|(?i:(?:^|/)(?:filename|content|size|last_modified)=)", text):
        raise ExtractError(
            f"{name}={text}: DuckDB can list no folder with a backslash, filename=, content=, size= or last_modified= "
            "in its path: choose another"
        )
    return path_of(name, text)
