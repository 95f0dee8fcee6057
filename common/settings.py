"""Where settings come from: a flag first, then the environment, then `.env` in the working directory.

A `.env` that can't be read is an error for whatever asks it, and not passed over: it may name the raw zone or the
release that is meant, and another one would be built or published without a word. What a flag or the environment
gives isn't looked up there, so it gets by without the file.
"""

import io
import os
import re
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import parse_stream

from common.errors import CommandError
from common.paths import path_of

DEFAULT_RAW_DIR = "data/raw"
PUBLISHED_TABLES = CONSENSUS_TABLE, RUNS_TABLE = ("palette_tag_consensus", "analytics_runs")
"""The tables of a deployment that `publish push` writes. `extract` leaves them out, unless `--only` names one."""
ENV_FILE = Path(".env")
SAVE_IT = "save it as UTF-8"


def setting(name: str, default: str | None = None) -> str | None:
    """Return the environment's value of `name`, else the one of `.env`, else `default`. Empty counts as unset.

    Raises CommandError where `.env` has to be asked and can't be read.
    """
    return os.environ.get(name) or env_file().get(name) or default


def raw_dir(flag: str | None) -> Path:
    """Return the raw zone's directory: `--raw-dir`, else `RAW_DIR`, else `data/raw`. Raises CommandError."""
    name, text = ("--raw-dir", flag) if flag else ("RAW_DIR", setting("RAW_DIR") or DEFAULT_RAW_DIR)
    if re.search(r"\\|(?i:(?:^|/)(?:filename|content|size|last_modified)=)", text):
        raise CommandError(
            f"{name}={text}: DuckDB can list no folder with a backslash, filename=, content=, size= or last_modified= "
            "in its path: choose another"
        )
    return path_of(name, text)


def env_file() -> dict[str, str]:
    """Return what `.env` sets, nothing where there is no such file. Raises CommandError if it can't be read."""
    text = _env_text()
    for binding in parse_stream(io.StringIO(text)):
        if binding.error:
            line = binding.original.line
            raise CommandError(f".env, line {line}: it can't be read: write NAME=value, and close what quotes you open")
    values = dotenv_values(stream=io.StringIO(text))
    return {name: value for name, value in values.items() if value}


def _content() -> bytes:
    if not os.path.lexists(ENV_FILE):
        return b""
    try:
        return ENV_FILE.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise CommandError(f".env can't be read ({reason}): make it a file that you may read, or remove it") from error


def _env_text() -> str:
    content = _content()
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in content:
        raise CommandError(f".env isn't UTF-8 but UTF-16: {SAVE_IT}")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = content[error.start]
        raise CommandError(
            f".env, line {line}: byte {byte:#x} isn't UTF-8, as comments have to be too: {SAVE_IT}"
        ) from error
