"""The peer: the counts of an export's answers in one hand-written DuckDB script: no dbt, no tests, no tables kept.

    python benchmarks/by_hand.py documents.jsonl out.parquet

Exact on malformed answers and on repeats within an answer, but without classes, synonyms, surplus votes or anything
else that the marts hold: for each palette, prompt version and attribute the ordered list of tags with their counts.
"""

import json
import sys
import time

import duckdb

CATEGORICAL = ["temperature", "contrast", "brightness", "saturation"]
ATTRIBUTES = [*CATEGORICAL, "harmony", "mood", "style", "dominant_colors", "seasonal", "associations"]
FIELDS = {"seed": "VARCHAR", "promptVersion": "VARCHAR", "model": "VARCHAR", "tags": dict.fromkeys(ATTRIBUTES, "JSON")}
FLAT = """unnest(from_json(j, '["JSON"]')::varchar[])"""
CLEAN = r"lower(trim(regexp_replace(nfc_normalize(j::json->>'$'), '[\t-\r\x{85}\p{Z}\x{FEFF}]+', ' ', 'g')))"


def main(source: str, target: str) -> None:
    """Count the answers in `source` and write the lists to `target`."""
    started = time.perf_counter()
    database = duckdb.connect()
    database.execute("set preserve_insertion_order = false")
    columns = ", ".join(f"tags.{attribute}" for attribute in ATTRIBUTES)
    for statement in f"""
    create temp table doc as
        select d.seed as seed, d."promptVersion" as pv, d.model as model, d.tags as tags
        from (
            select from_json(json, '{json.dumps(FIELDS)}') as d
            from read_ndjson_objects('{source}', maximum_object_size = 67108864)
        ) where d.tags is not null;
    create temp table g as
        select seed, pv, row_number() over ()::int as gid from (select distinct seed, pv from doc);
    create temp table m as select model, row_number() over ()::int as mid from (select distinct model from doc);
    create temp table f as
        select doc.rowid as did, gid, mid, unnest({list(range(10))})::tinyint as att, unnest([{columns}])::varchar as j
        from doc join g using (seed, pv) join m using (model);
    create temp table l as
        select did, gid, mid, att, from_json(j, '["JSON"]')::varchar[] as l from f
        where j[1] = '[' and att > 3 and j <> '[]';
    create temp table v as
        select did, gid, mid, att, j from f where j[1] = '"'
        union all select did, gid, mid, att, unnest(l) as j from l;
    insert into v
        with e as (
            select did, gid, mid, att, {FLAT} as j, generate_subscripts(from_json(j, '["JSON"]'), 1) as i
            from f where j[1] = '[' and att <= 3
        )
        select did, gid, mid, att, arg_min(j, i) from e
        where j[1] = '"' and trim(j::json->>'$') <> '' group by all;
    create temp table n as select * from v where j[1] = '[';
    create temp table deep as select distinct did, att from n
    """.split(";"):
        database.execute(statement)
    while database.execute("select 1 from n limit 1").fetchall():
        database.execute(f"create or replace temp table n2 as select did, gid, mid, att, {FLAT} as j from n")
        database.execute("insert into v select * from n2 where j[1] = '\"'")
        database.execute("create or replace temp table n as select * from n2 where j[1] = '['")
    for statement in f"""
    create temp table p as
        select gid, att, j, count(*)::int as n, bit_or(1::hugeint << mid) as ms from v where j[1] = '"' group by all;
    create temp table d as select j, {CLEAN} as tag from (select distinct j from p);
    create temp table r as
        with odd as (select j from d where j <> '"' || tag || '"'),
        suspects as (
            select did, att from deep
            union select did, att from v where j in (select j from odd)
            union select did, att from l where len(l) <> list_unique(l)
        )
        select gid, att, tag, sum(k)::int as k from (
            select gid, att, tag, did, count(*) - 1 as k from v join d using (j)
            where tag <> '' and (did, att) in (select did, att from suspects) group by all having k > 0
        ) group by all;
    create temp table q as
        select gid, att, tag, sum(n)::int as occurrences, bit_count(bit_or(ms)) as models
        from p join d using (j) where tag <> '' group by all;
    copy (
        select seed, pv, att,
            list({{key: tag, value: occurrences - coalesce(k, 0)}} order by occurrences - coalesce(k, 0) desc, tag) as l
        from q left join r using (gid, att, tag) join g using (gid) group by all
    ) to '{target}' (format parquet)
    """.split(";"):
        database.execute(statement)
    print(json.dumps({"seconds": round(time.perf_counter() - started, 2)}))


if __name__ == "__main__":
    main(*sys.argv[1:3])
