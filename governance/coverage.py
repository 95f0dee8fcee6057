"""How much of the project is described."""

from typing import Any

Described = tuple[str, int, int]
"""A kind of thing, how many of it are described, and how many there are."""


def coverage(manifest: dict[str, Any], catalog: dict[str, Any]) -> list[Described]:
    """Count what is described. Columns are those that the database has, whether a page names them or not."""
    project = manifest["metadata"]["project_name"]
    own_nodes = [node for node in manifest["nodes"].values() if node["package_name"] == project]
    models = [node for node in own_nodes if node["resource_type"] == "model"]
    seeds = [node for node in own_nodes if node["resource_type"] == "seed"]
    sources = list(manifest["sources"].values())
    functions = list(manifest["functions"].values())
    macros = [macro for macro in manifest["macros"].values() if macro["package_name"] == project]
    tests = [macro for macro in macros if macro["name"].startswith("test_")]
    others = [macro for macro in macros if macro not in tests]
    made = {**catalog["nodes"], **catalog["sources"]}
    return [
        _count("models", models),
        _count("columns of models", _columns(models, made)),
        _count("seeds", seeds),
        _count("columns of seeds", _columns(seeds, made)),
        _count("tables of sources", sources),
        _count("columns of sources", _columns(sources, made)),
        _count("macros", others),
        _count("arguments of macros", _arguments(others)),
        _count("generic tests", tests),
        _count("arguments of generic tests", _arguments(tests)),
        _count("functions", functions),
        _count("arguments of functions", _arguments(functions)),
        _count("exposures", list(manifest["exposures"].values())),
    ]


def _count(kind: str, things: list[dict[str, Any]]) -> Described:
    return kind, sum(bool((thing.get("description") or "").strip()) for thing in things), len(things)


def _columns(tables: list[dict[str, Any]], made: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for table in tables:
        on_page = {name.lower(): column for name, column in table["columns"].items()}
        found += [on_page.get(name.lower(), {}) for name in made.get(table["unique_id"], {"columns": {}})["columns"]]
    return found


def _arguments(callables: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [argument for one in callables for argument in one["arguments"]]
