"""How much memory and how many threads DuckDB may take, as the settings have it."""

import re

import duckdb

from common.errors import CommandError
from common.settings import setting
from common.text import visible

MEMORY, THREADS = "DUCKDB_MEMORY_LIMIT", "DUCKDB_THREADS"
AMOUNT = re.compile(r" *([0-9]+(?:\.[0-9]+)?) *(?:[mgt](?:i?b)?|(?:mega|giga|tera)bytes?) *", re.IGNORECASE)
"""What `macros/limit_resources.sql` takes too: to DuckDB, -1 and `none` mean no limit at all."""
MOST_THREADS = 1024
"""DuckDB starts as many as it is given, and takes the process down where the system gives no more."""


def limits(memory_limit: str) -> dict[str, str]:
    """Return what to set: `DUCKDB_MEMORY_LIMIT`, else `memory_limit`, and `DUCKDB_THREADS`, else nothing: one a core.

    Raises CommandError, which names the setting, for a value that DuckDB doesn't take.
    """
    found = {"memory_limit": memory_limit}
    if memory := setting(MEMORY):
        if not _is_amount(memory):
            raise CommandError(
                f"{MEMORY}={visible(memory)} is no amount of memory that DuckDB can work with: write it as in 2GB"
            )
        found["memory_limit"] = memory
    if threads := setting(THREADS):
        if not (re.fullmatch(" *[0-9]{1,6} *", threads) and 0 < int(threads) <= MOST_THREADS):
            raise CommandError(
                f"{THREADS}={visible(threads)} is no number of threads: write one from 1 to {MOST_THREADS}"
            )
        found["threads"] = threads.strip()
    return found


def _is_amount(memory: str) -> bool:
    """Tell whether DuckDB can work with an amount of memory: it takes none that is very small or very large."""
    amount = AMOUNT.fullmatch(memory)
    if not amount or not float(amount[1]):
        return False
    try:
        duckdb.connect(config={"memory_limit": memory, "threads": 1}).close()
    except duckdb.Error:
        return False
    return True
