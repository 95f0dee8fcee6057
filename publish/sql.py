"""SQL that is compared, and SQL that is made to fit another database."""

import json
import re
from collections.abc import Mapping
from itertools import accumulate, pairwise
from typing import Any

import duckdb

from common.sql import quoted

INTERNAL = "internal"
"""The schema of what public views and functions read."""
SCHEMAS = ("main", INTERNAL)
PLAIN = re.compile("[a-z_][a-z0-9_]*")
"""A name that DuckDB writes without quotes."""


def is_same(statement: str, other: str) -> bool:
    """Tell whether two statements that make a view or a function say the same, in whatever case and layout.

    Texts have to be equal. The columns of `exclude`, `replace` and `rename` have no order: DuckDB writes them in
    another one each time it reads them from its file.
    """
    if _words(statement) == _words(other):
        return True
    meaning = _meaning(statement)
    return meaning is not None and meaning == _meaning(other)


UNORDERED = {"exclude_list", "qualified_exclude_list", "replace_list", "rename_list"}


def _meaning(statement: str) -> tuple[list[str], Any] | None:
    """Return the words before the query, and the query as DuckDB's parser reads it; None where it can't be read."""
    tokens = [start for start, _ in duckdb.tokenize(statement)]
    words = [statement[start:end].strip().lower() for start, end in pairwise([*tokens, len(statement)])]
    depths = accumulate((word == "(") - (word == ")") for word in words)
    place = next(
        (n for n, (word, depth) in enumerate(zip(words, depths, strict=True)) if (word, depth) == ("as", 0)), -1
    )
    if not 0 <= place < len(words) - 2:
        return None
    is_query = words[place + 1] in {"table", "select", "with", "from"}
    first = place + (2 if words[place + 1] == "table" else 1)
    query = ("" if is_query else "select ") + statement[tokens[first] :]
    with duckdb.connect() as connection:
        ((parsed,),) = connection.execute("select json_serialize_sql(?::varchar)", [query]).fetchall()
    content = json.loads(parsed)
    return None if content["error"] else (words[:first], _without_order(content["statements"]))


def _without_order(value: Any, name: str = "") -> Any:
    """Return a part of a parsed query without the places of words, the case of names, and an order that isn't one."""
    if isinstance(value, dict):
        is_constant = value.get("class") == "CONSTANT"
        return {
            key: one if is_constant and key == "value" else _without_order(one, key)
            for key, one in value.items()
            if key != "query_location"
        }
    if isinstance(value, list):
        parts = [_without_order(one) for one in value]
        return sorted(parts, key=json.dumps) if name in UNORDERED else parts
    return value.lower() if isinstance(value, str) else value


def _words(statement: str) -> list[str]:
    starts = [start for start, _ in duckdb.tokenize(statement)]
    words = (statement[start:end].strip() for start, end in pairwise([*starts, len(statement)]))
    return [word if word.startswith("'") else word.lower() for word in words]


def with_names(statement: str, names: Mapping[str, str]) -> str:
    """Return a statement with other names for what it reads and makes. Texts stay as they are."""
    starts = [*(start for start, _ in duckdb.tokenize(statement)), len(statement)]
    renamed, place = "", 0
    for start, end in pairwise(starts):
        word = statement[start:end].strip()
        if new := names.get(word.strip('"').replace('""', '"')):
            renamed += statement[place:start] + (new if PLAIN.fullmatch(new) else quoted(new))
            place = start + len(word)
    return renamed + statement[place:]


def without_catalog(statement: str, catalog: str) -> str:
    """Return a statement that calls `catalog.main.x` plainly `main.x`, and `catalog.internal.x` plainly `internal.x`.

    A view that names its database works under no other file name. DuckDB 2 names only the schema as it is. Texts and
    comments stay as they are.
    """
    tokens = [*duckdb.tokenize(statement), (len(statement), duckdb.token_type.comment)]
    words = [statement[start:end].strip() for (start, _), (end, _) in pairwise(tokens)]
    names = ["" if word.startswith("'") else word.strip('"').replace('""', '"') for word in words]
    kept, place = "", 0
    for index in range(len(names) - 3):
        before, (name, dot, schema, next_dot) = names[max(index - 1, 0)], names[index : index + 4]
        if (name, dot, next_dot) == (catalog, ".", ".") and schema in SCHEMAS and before != ".":
            kept += statement[place : tokens[index][0]]
            place = tokens[index + 2][0]
    return kept + statement[place:]
