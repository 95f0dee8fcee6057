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


def moved(statement: str, catalog: str, internal: Container[str]) -> str:
    """Return a statement that calls `catalog.main.x` plainly `main.x`, or `internal.x` for the names in `internal`.

    A view or function that names its database works under no other file name. A function names tables plainly: those in
    `internal` get their schema. Texts and comments stay as they are.
    """
    tokens = [*duckdb.tokenize(statement), (len(statement), duckdb.token_type.comment)]
    words = [statement[start:end].strip() for (start, _), (end, _) in pairwise(tokens)]
    names = ["" if word.startswith("'") else word.strip('"').replace('""', '"') for word in words]
    result, place = "", 0
    for index, name in enumerate(names):
        start = tokens[index][0]
        if start < place or (index > 0 and names[index - 1] == "."):
            continue
        if names[index : index + 4] == [catalog, ".", "main", "."]:
            result += statement[place:start] + ("internal." if names[index + 4] in internal else "main.")
            place = tokens[index + 4][0]
        elif name in internal and names[index + 1 : index + 2] != ["."]:
            result += statement[place:start] + "internal."
            place = start
    return result + statement[place:]
