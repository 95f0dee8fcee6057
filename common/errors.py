"""The one error that a user of a command sees."""

import re

_INTERRUPTED = re.compile(r"(?:^|: )(?:Query interrupted|Interrupted!|Interrupted system call)")


class CommandError(Exception):
    """What went wrong and what to do about it, in one line."""


def first_line(error: Exception) -> str:
    """Return what DuckDB says, without what follows: the place in the query."""
    return str(error).partition("\n")[0]


def raise_if_interrupted(error: BaseException) -> None:
    """Raise KeyboardInterrupt where DuckDB hands on a Ctrl-C as an error of its own, or as Arrow's.

    Only their words tell. A path that an error names may have the same, in other letters or with more around them.
    """
    if _INTERRUPTED.search(str(error)):
        raise KeyboardInterrupt from error
