"""Names and texts as SQL writes them, and SQL that is made to fit another database."""

from collections.abc import Container
from itertools import pairwise

import duckdb


def quoted(name: str) -> str:
    """Return a name as an identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as a string literal."""
    return "'" + text.replace("'", "''") + "'"


def is_same(statement: str, other: str) -> bool:
    """Tell whether two statements have the same words, in whatever case and layout; texts have to be equal."""
    return _words(statement) == _words(other)


def _words(statement: str) -> list[str]:
    starts = [start for start, _ in duckdb.tokenize(statement)]
    words = (statement[start:end].strip() for start, end in pairwise([*starts, len(statement)]))
    return [word if word.startswith("'") else word.lower() for word in words]


def moved(statement: str, catalog: str, internal: Container[str]) -> str:
    """Return a statement that calls `catalog.main.x` plainly `main.x`, or `internal.x` for the names in `internal`.

    A view or function that names its database works under no other file name. DuckDB 2 names only the schema, and our
    functions name tables plainly: what is internal is moved there too, unless it is a CTE of that name. Texts and
    comments stay as they are.
    """
    tokens = [*duckdb.tokenize(statement), (len(statement), duckdb.token_type.comment)]
    words = [statement[start:end].strip() for (start, _), (end, _) in pairwise(tokens)]
    names = ["" if word.startswith("'") else word.strip('"').replace('""', '"') for word in words]
    ctes = {
        name
        for name, word, next_word in zip(names, names[1:], names[2:], strict=False)
        if word.lower() == "as" and next_word.lower() in {"(", "materialized", "not"}
    }
    result, place = "", 0
    for index, name in enumerate(names):
        if tokens[index][0] < place or (index > 0 and names[index - 1] == "."):
            continue
        if names[index : index + 4] == [catalog, ".", "main", "."]:
            table = index + 4
        elif names[index : index + 2] == ["main", "."]:
            table = index + 2
        elif name in internal and name not in ctes and names[index + 1 : index + 2] != ["."]:
            table = index
        else:
            continue
        result += statement[place : tokens[index][0]] + ("internal." if names[table] in internal else "main.")
        place = tokens[table][0]
    return result + statement[place:]
