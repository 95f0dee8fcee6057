"""What is the matter where a database or a disk refuses, and what to do about it."""

import errno
import os
import re
from pathlib import Path

import duckdb

from common.errors import first_line, raise_if_interrupted

_HOLDER = re.compile(
    r"Conflicting lock is held in (?P<program>.+?) \(PID (?P<pid>\d+)\)(?: by user (?P<user>\S+?))?[.\s]"
)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FULL_WORDS = (*map(os.strerror, _FULL), "max_temp_directory_size")


def is_full(error: Exception) -> bool:
    """Tell whether there was no space left on a disk. DuckDB has that in words only."""
    return error.errno in _FULL if isinstance(error, OSError) else is_full_text(str(error))


def is_full_text(text: str) -> bool:
    """Return whether a program's message is about a disk without space."""
    return any(words in text for words in _FULL_WORDS)


def is_locked_text(text: str) -> bool:
    """Return whether a program's message is about a database that another process holds."""
    return "Could not set lock on file" in text


def remedy(error: Exception) -> str:
    """Return what to do about an error of the disk, or of DuckDB where the data are as they should be."""
    if is_full(error):
        return "free some space"
    if isinstance(error, duckdb.OutOfMemoryException):
        return "give it more memory with DUCKDB_MEMORY_LIMIT"
    if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "see that this user may read and write there"
    return "fix that"


def problem(database: Path, error: duckdb.Error, otherwise: str) -> str:
    """Return why a database can't be read, and what to do, in one line.

    A lock that another process holds, a full disk and too little memory say themselves what to do; `otherwise` is for
    a database that isn't there, or isn't as it should be. Raises KeyboardInterrupt where somebody pressed Ctrl-C.
    """
    raise_if_interrupted(error)
    if is_locked_text(str(error)):
        return f"{database} is open in {holder(str(error))}: wait until that is done, or end it, and try again"
    if is_full(error) or isinstance(error, duckdb.OutOfMemoryException):
        return f"{database} can't be read ({first_line(error)}): {remedy(error)}, and try again"
    if not database.exists():
        return f"there is no {database}: {otherwise}"
    return f"{database} can't be read ({first_line(error)}): {otherwise}"


def holder(text: str) -> str:
    """Return who holds the lock that DuckDB names."""
    found = _HOLDER.search(f"{text} ")
    if not found:
        return "another process"
    user = f" of {found['user']}" if found["user"] else ""
    return f"{Path(found['program']).name} (process {found['pid']}{user})"
