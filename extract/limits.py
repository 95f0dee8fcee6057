"""How much memory and how many threads DuckDB may take, as the settings have it."""

import duckdb

from extract.errors import ExtractError
from extract.settings import setting
from extract.text import visible

MEMORY, THREADS = "DUCKDB_MEMORY_LIMIT", "DUCKDB_THREADS"
MOST_THREADS = 1024
"""DuckDB starts as many as it is told, and takes the process down where the system gives no more."""


def limits(memory_limit: str) -> dict[str, str]:
    """Return what to set: `DUCKDB_MEMORY_LIMIT`, else `memory_limit`, and `DUCKDB_THREADS`, else nothing: one a core.

    Raises ExtractError, which names the setting, for a value that DuckDB doesn't take.
    """
    found = {"memory_limit": memory_limit}
    if memory := setting(MEMORY):
        try:
            duckdb.connect(config={"memory_limit": memory, "threads": 1}).close()
        except duckdb.Error as error:
            raise ExtractError(
                f"{MEMORY}={visible(memory)} is no amount of memory that DuckDB can work with: write it as in 2GB"
            ) from error
        found["memory_limit"] = memory
    if threads := setting(THREADS):
        if not (threads.isascii() and threads.isdecimal() and 0 < int(threads[:9]) <= MOST_THREADS):
            raise ExtractError(
                f"{THREADS}={visible(threads)} is no number of threads: write one from 1 to {MOST_THREADS}"
            )
        found["threads"] = threads
    return found
