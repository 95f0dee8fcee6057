"""Reads a raw zone as a build would: the visible runs in their order, row by row. Shares no code with `extract`."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

State = dict[str, dict[str, str]]
"""Texts by id, by table."""


class Reader:
    """What a raw zone says."""

    def __init__(self, raw: Path):
        self._raw = raw
        self._rows: dict[Path, list[dict[str, Any]]] = {}

    def runs(self) -> list[dict[str, Any]]:
        """Return the summaries of the visible runs, oldest first."""
        return [json.loads((run / "run.json").read_text()) for run in self._runs()]

    def state(self) -> State:
        """Return the texts by id of each table that has documents."""
        state: State = {}
        for run in self._runs():
            for path in sorted(run.glob("[!_]*.parquet")):
                if path not in self._rows:
                    self._rows[path] = sorted(
                        pq.read_table(path, partitioning=None).to_pylist(), key=lambda row: row["_seq"]
                    )
                table = state.setdefault(path.stem, {})
                for row in self._rows[path]:
                    if row["_op"] == "truncate":
                        table.clear()
                    elif row["_op"] == "delete":
                        table.pop(row["_id"], None)
                    else:
                        table[row["_id"]] = row["document"]
        return {name: table for name, table in state.items() if table}

    def rejected(self) -> list[dict[str, Any]]:
        """Return what was set aside."""
        return [
            row
            for run in self._runs()
            for path in run.glob("_rej*")
            for row in pq.read_table(path, partitioning=None).to_pylist()
        ]

    def _runs(self) -> list[Path]:
        return sorted(path.parent for path in self._raw.glob("[0-9]*/run.json"))
