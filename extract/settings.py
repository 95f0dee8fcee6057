"""Where settings come from: a flag first, then the environment, then `.env` in the working directory."""

import os
from pathlib import Path

from dotenv import dotenv_values

DEFAULT_RAW_DIR = "data/raw"


def setting(name: str, default: str | None = None) -> str | None:
    """Return the environment's value of `name`, else the one of `.env`, else `default`. Empty counts as unset."""
    return os.environ.get(name) or dotenv_values(".env").get(name) or default


def raw_dir(flag: str | None) -> Path:
    """Return the raw zone's directory: `--raw-dir`, else `RAW_DIR`, else `data/raw`."""
    return Path(flag or setting("RAW_DIR", DEFAULT_RAW_DIR) or DEFAULT_RAW_DIR)
