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

    A view or function that names its database works under no other file name. Texts and comments stay as they are.
    """
    tokens = [*duckdb.tokenize(statement), (len(statement), duckdb.token_type.comment)]
    words = [statement[start:end].strip() for (start, _), (end, _) in pairwise(tokens)]
    result, place = "", 0
    for index in range(len(words) - 4):
        names = [word.strip('"').replace('""', '"') for word in words[index : index + 5]]
        is_qualified = words[index + 1] == words[index + 3] == "." and (index == 0 or words[index - 1] != ".")
        if is_qualified and names[0] == catalog and names[2] == "main" and words[index][0] != "'":
            result += statement[place : tokens[index][0]] + ("internal" if names[4] in internal else "main")
            place = tokens[index + 3][0]
    return result + statement[place:]
