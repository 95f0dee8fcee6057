"""The reference that targets are ratios of: the tags of an export counted in one DuckDB script, kept as it is.

    python -m benchmarks.reference documents.jsonl out.parquet

For each palette, prompt version and attribute, gives the list of tags with the number of answers that say each. It
keeps each value as JSON text, counts texts, and cleans the distinct ones. Unlike `by_hand.py`, it leaves out synonyms
and what isn't published, and takes no vertical tab and no NUL into account, so its answer isn't the warehouse's.
"""

import json
import sys
from collections.abc import Callable

import duckdb

from benchmarks.by_hand import ATTRIBUTES

SHAPE = json.dumps(
    dict.fromkeys(("_id", "seed", "promptVersion", "model"), "VARCHAR") | {"tags": dict.fromkeys(ATTRIBUTES, "JSON")}
)
ELEMENTS = """from_json(j, '["JSON"]')"""
NESTED_AT_MOST = 16


Run = Callable[[str], duckdb.DuckDBPyConnection]


def main(source: str, target: str) -> None:
    """Count the answers in `source` and write the lists to `target`."""
    with duckdb.connect() as database:
        run = database.execute
        run("set preserve_insertion_order = false")
        run(f"set temp_directory = '{target}.tmp'")
        _read_values(run, source)
        _write_counts(run, target)


def _read_values(run: Run, source: str) -> None:
    run(f"""create temp table doc as
        select d.seed, d."promptVersion" as pv, d.model, d.tags from (
            select from_json(json, '{SHAPE}') as d
            from read_ndjson_objects('{source}', maximum_object_size = 67108864)
        ) where d.tags is not null""")
    run("""create temp table g as
        select seed, pv, cast(row_number() over () as integer) as gid from (select distinct seed, pv from doc)""")
    run("""create temp table m as
        select model, cast(row_number() over () as integer) as mid from (select distinct model from doc)""")
    run(f"""create temp table f as
        select doc.rowid as did, gid, mid, cast(unnest({list(range(len(ATTRIBUTES)))}) as tinyint) as att,
            cast(unnest([{", ".join(f"tags.{name}" for name in ATTRIBUTES)}]) as varchar) as j
        from doc join g using (seed, pv) join m using (model)""")
    # Strings are values, lists are taken apart, anything else is no value.
    run(f"""create temp table l as
        select did, gid, mid, att, cast({ELEMENTS} as varchar[]) as l
        from f where j[1] = '[' and att > 3 and j <> '[]'""")
    run("""create temp table v as
        select did, gid, mid, att, j from f where j[1] = '"'
        union all
        select did, gid, mid, att, unnest(l) as j from l""")
    # Of a choice that came as a list, the first string that cleaning leaves something of.
    run(f"""insert into v
        with e as (
            select did, gid, mid, att, cast(unnest({ELEMENTS}) as varchar) as j,
                generate_subscripts({ELEMENTS}, 1) as i
            from f where j[1] = '[' and att <= 3
        )
        select did, gid, mid, att, arg_min(j, i) from e
        where j[1] = '"' and trim(cast(j as json) ->> '$') <> '' group by all""")
    run("create temp table n as select * from v where j[1] = '['")
    run("create temp table deep as select distinct did, att from n")
    for _ in range(NESTED_AT_MOST):
        if not run("select 1 from n limit 1").fetchall():
            break
        run(f"""create or replace temp table n2 as
            select did, gid, mid, att, cast(unnest({ELEMENTS}) as varchar) as j from n""")
        run("insert into v select * from n2 where j[1] = '\"'")
        run("create or replace temp table n as select * from n2 where j[1] = '['")


def _write_counts(run: Run, target: str) -> None:
    run("""create temp table p as
        select gid, att, j, cast(count(*) as integer) as n, bit_or(cast(1 as hugeint) << mid) as ms
        from v where j[1] = '"' group by all""")
    run(r"""create temp table d as
        select j, lower(case when length(spaced) > 1000 then spaced else nfc_normalize(spaced) end) as tag
        from (
            select j, trim(regexp_replace(cast(j as json) ->> '$', '[\s\p{Z}\x{FEFF}\x{85}]+', ' ', 'g')) as spaced
            from (select distinct j from p)
        )""")
    # An answer can repeat a tag only where it repeats a text, or says one that cleaning changes.
    run("""create temp table r as
        with odd as (select j from d where j <> '"' || tag || '"'),
        suspects as (
            select did, att from deep
            union
            select did, att from v where j in (select j from odd)
            union
            select did, att from l where len(l) <> list_unique(l)
        )
        select gid, att, tag, cast(sum(k) as integer) as k from (
            select gid, att, tag, did, count(*) - 1 as k from v join d using (j)
            where tag <> '' and (did, att) in (select did, att from suspects)
            group by all having k > 0
        ) group by all""")
    run("""create temp table q as
        select gid, att, tag, cast(sum(n) as integer) as occurrences, bit_count(bit_or(ms)) as models
        from p join d using (j) where tag <> '' group by all""")
    run(f"""copy (
        select seed, pv, att, list(
            {{key: tag, value: occurrences - coalesce(k, 0)}} order by occurrences - coalesce(k, 0) desc, tag
        ) as l
        from q left join r using (gid, att, tag) join g using (gid) group by all
    ) to '{target}' (format parquet)""")


if __name__ == "__main__":
    main(*sys.argv[1:3])
