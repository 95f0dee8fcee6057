"""The current state of a table: what its files say when they are read in the order of their runs."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from extract.errors import ExtractError

MEMORY_LIMIT = "512MB"

_COUNT = """
    with changes as (
        select _id, _op, (file_index::bigint << 40) | _seq as place from read_parquet($files)
    ),
    latest as (
        select _id, max(place) as last_change, max(place) filter (_op = 'upsert') as last_upsert
        from changes
        where _op <> 'truncate'
          and place > (select coalesce(max(place), -1) from changes where _op = 'truncate')
        group by _id
    )
    select count(*), count(*) filter (_id = $id) > 0 from latest where last_upsert = last_change
"""
"""`latest` is the last change of each document since the last truncate."""


def count(files: Sequence[Path], document_id: str | None = None) -> tuple[int, bool]:
    """Return how many documents are live, and whether the one of this `_id` is. Raises ExtractError."""
    if not files:
        return 0, False
    import duckdb  # which takes a tenth of a second, and isn't always needed

    try:
        with (
            tempfile.TemporaryDirectory() as spill,
            duckdb.connect(config={"memory_limit": MEMORY_LIMIT, "temp_directory": spill}) as connection,
        ):
            row = connection.execute(_COUNT, {"files": [*map(str, files)], "id": document_id}).fetchone()
    except (duckdb.Error, OSError) as error:
        reason = str(error).partition("\n")[0]  # what follows shows the place in the query
        raise ExtractError(
            f"the files of {files[-1].stem} in {files[-1].parents[1]} can't be read: {reason}"
        ) from error
    return (row[0], row[1]) if row else (0, False)
