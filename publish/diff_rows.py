"""Rows of a relation before and after an edit: how many came, went and changed, with a few of each.

All rows are told apart by two hashes over all their columns, so that tens of millions are compared in little memory.
What differs is then paired by grain, and compared by its values. Nothing is rounded: a float is the same or differs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import duckdb

from common.sql import literal, quoted

Change = Literal["added", "removed", "changed"]
CHANGES: tuple[Change, ...] = ("added", "removed", "changed")


@dataclass(frozen=True)
class Row:
    """A row that differs: the columns that name it, and the others; of a changed row those that changed."""

    change: Change
    grain: dict[str, Any]
    before: dict[str, Any]
    after: dict[str, Any]


@dataclass(frozen=True)
class Rows:
    """How many rows each side has, and how they differ in the columns that both sides have."""

    before: int
    after: int
    added: int = 0
    removed: int = 0
    changed: int = 0
    changed_columns: dict[str, int] = field(default_factory=dict)
    """For each column that changed anywhere, in how many rows."""
    samples: list[Row] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


def compared_rows(
    connection: duckdb.DuckDBPyConnection,
    before: str,
    after: str,
    columns: Sequence[str],
    grain: Sequence[str],
    samples: int,
) -> Rows:
    """Compare the columns of two queries, paired by grain, with the first `samples` rows of each kind of change.

    Where the grain isn't among the columns, a changed row is one that went and one that came.
    """
    for side, query in (("before", before), ("after", after)):
        connection.execute(f"create or replace temp view {side} as {query}")
        connection.execute(f"create or replace temp table {side}_hashes as select {_hashes(columns)} from {side}")
    sums = "select count(*), sum(one::hugeint), sum(other::hugeint) from {}_hashes"
    old, new = (_first(connection, sums.format(side)) for side in ("before", "after"))
    if old == new:
        return Rows(old[0], new[0])
    names = grain if set(grain) <= set(columns) else columns
    values = [name for name in columns if name not in names]
    _keep_differing(connection, columns)
    _pair(connection, names, values)
    return _counted(connection, old[0], new[0], values, samples)


def _hashes(columns: Sequence[str]) -> str:
    """Return two hashes of a row. They take the columns in another order, and so confuse other rows."""
    names = [quoted(name) for name in columns]
    return f"hash({', '.join(names)}) as one, hash({', '.join(reversed(names))}, 0) as other"


def _keep_differing(connection: duckdb.DuckDBPyConnection, columns: Sequence[str]) -> None:
    """Make `before_rows` and `after_rows`: what one side has more often than the other.

    Sums over a million buckets of hashes find the few where any row differs: the others needn't be looked at singly.
    """
    connection.execute("""
        create or replace temp view hashes as
        select one, other, one >> 44 as bucket, 1::tinyint as side from after_hashes
        union all
        select one, other, one >> 44, -1::tinyint from before_hashes
    """)
    connection.execute("""
        create or replace temp table surplus as
        with differing_buckets as (
            select bucket from hashes group by bucket
            having sum(side) <> 0 or sum(side * one::hugeint) <> 0 or sum(side * other::hugeint) <> 0
        )
        select one, other, sum(side) as surplus
        from hashes semi join differing_buckets using (bucket)
        group by all having sum(side) <> 0
    """)
    for side, sign in (("before", -1), ("after", 1)):
        connection.execute(f"drop table {side}_hashes")
        connection.execute(f"""
            create or replace temp table {side}_rows as
            select {", ".join(map(quoted, columns))}
            from (select *, {_hashes(columns)} from {side}) as hashed
            join (select * from surplus where surplus * {sign} > 0) as more using (one, other)
            qualify row_number() over (partition by one, other) <= abs(surplus)
        """)


def _pair(connection: duckdb.DuckDBPyConnection, grain: Sequence[str], values: Sequence[str]) -> None:
    """Make `pairs`: the differing rows of both sides by grain; several of one grain in their order."""
    names, order = ", ".join(map(quoted, grain)), ", ".join(map(quoted, values)) or "1"
    numbered = f"select *, row_number() over (partition by {names} order by {order}) as _place from {{}}_rows"
    same = " and ".join(f"a.{quoted(name)} is not distinct from b.{quoted(name)}" for name in grain)
    connection.execute(f"""
        create or replace temp table pairs as
        select
            case when b._place is null then 'added' when a._place is null then 'removed' else 'changed' end as change,
            if(a._place is null, {_struct("b", grain)}, {_struct("a", grain)}) as grain,
            {_struct("b", values)} as before,
            {_struct("a", values)} as after
        from ({numbered.format("before")}) as b
        full join ({numbered.format("after")}) as a on {same} and a._place = b._place
    """)
    for side in ("before", "after"):
        connection.execute(f"drop table {side}_rows")


def _struct(side: str, names: Sequence[str]) -> str:
    fields = ", ".join(f"{quoted(name)} := {side}.{quoted(name)}" for name in names)
    return f"struct_pack({fields})" if names else "null"


def _counted(
    connection: duckdb.DuckDBPyConnection, before: int, after: int, values: Sequence[str], samples: int
) -> Rows:
    counts = [f"count(*) filter (where change = '{kind}')" for kind in CHANGES]
    for name in values:
        differs = f"before[{literal(name)}] is distinct from after[{literal(name)}]"
        counts.append(f"count(*) filter (where change = 'changed' and {differs})")
    added, removed, changed, *in_columns = _first(connection, f"select {', '.join(counts)} from pairs")
    changed_columns = {name: count for name, count in zip(values, in_columns, strict=True) if count}
    query = "select change, grain, before, after from pairs where change = ? order by grain limit ?"
    found = [_row(*row) for kind in CHANGES for row in connection.execute(query, [kind, samples]).fetchall()]
    return Rows(before, after, added, removed, changed, changed_columns, found)


def _row(change: Change, grain: dict[str, Any], before: dict[str, Any] | None, after: dict[str, Any] | None) -> Row:
    if change == "added":
        return Row(change, grain, {}, after or {})
    if change == "removed":
        return Row(change, grain, before or {}, {})
    old, new = before or {}, after or {}
    differing = [name for name in old if repr(old[name]) != repr(new[name])]  # NaN is equal to itself here
    return Row(change, grain, {name: old[name] for name in differing}, {name: new[name] for name in differing})


def _first(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    return connection.execute(query).fetchone() or ()
