"""The dbt project as its readers see it: the public tables, the table functions, who uses them, tests in words."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import CommandError

Node = dict[str, Any]


@dataclass(frozen=True)
class Column:
    """A column of a public table. `checks` are its tests in words."""

    name: str
    data_type: str
    description: str
    checks: list[str]


@dataclass(frozen=True)
class UnitTest:
    """A rule with an example."""

    sentence: str
    description: str


@dataclass(frozen=True)
class Table:
    """A public table. `checks` are the tests that concern more than one column, in words."""

    unique_id: str
    name: str
    subject: str
    description: str
    grain: list[str]
    columns: list[Column]
    checks: list[str]
    unit_tests: list[UnitTest]
    is_view: bool
    sql_path: str


@dataclass(frozen=True)
class Argument:
    """An argument of a table function. `default` is SQL; None: it has to be given."""

    name: str
    data_type: str
    description: str
    default: str | None


@dataclass(frozen=True)
class Function:
    """A table function of the published database."""

    unique_id: str
    name: str
    description: str
    arguments: list[Argument]
    reads: list[str]
    sql_path: str

    @property
    def signature(self) -> str:
        """The call, with the arguments that have to be given, and the defaults of the others."""
        words = [one.name if one.default is None else f"{one.name} := {one.default}" for one in self.arguments]
        return f"{self.name}({', '.join(words)})"


@dataclass(frozen=True)
class Consumer:
    """An exposure: who uses which public tables and functions."""

    name: str
    label: str
    kind: str
    maturity: str
    owner: str
    description: str
    uses: list[str]


@dataclass(frozen=True)
class Project:
    """What dbt reports about the project. `manifest` and `catalog` are its files, as they came."""

    name: str
    overview: str
    tables: list[Table]
    functions: list[Function]
    consumers: list[Consumer]
    manifest: Node
    catalog: Node


def read_project(target: Path) -> Project:
    """Read what `dbt docs generate` has left in `target`. Raises CommandError."""
    manifest, catalog = _artifact(target / "manifest.json"), _artifact(target / "catalog.json")
    try:
        nodes: dict[str, Node] = manifest["nodes"]
        tests = [node for node in nodes.values() if node["resource_type"] == "test"]
        tables = [
            _table(node, tests, manifest["unit_tests"].values())
            for node in nodes.values()
            if node["resource_type"] == "model" and node["access"] == "public"
        ]
        return Project(
            manifest["metadata"]["project_name"],
            manifest["docs"][f"doc.{manifest['metadata']['project_name']}.__overview__"]["block_contents"],
            sorted(tables, key=lambda table: (table.subject, table.name)),
            [_function(node) for _, node in sorted(manifest["functions"].items())],
            [_consumer(node) for _, node in sorted(manifest["exposures"].items())],
            manifest,
            catalog,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise CommandError(f"{target} isn't what this version of dbt writes ({error!r}): run make docs") from error


def _artifact(path: Path) -> Node:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CommandError(
            f"{path} can't be read ({error}): run dbt docs generate --target-path {path.parent}"
        ) from error


def _table(node: Node, tests: list[Node], unit_tests: Iterable[Node]) -> Table:
    own = [test for test in tests if test.get("attached_node") == node["unique_id"]]
    across = [t for t in tests if not t.get("test_metadata") and node["unique_id"] in t["depends_on"]["nodes"]]
    grain = next((columns for test in own if (columns := _grain(test))), [])
    return Table(
        node["unique_id"],
        node["name"],
        node["fqn"][-2],
        node["description"].strip(),
        grain,
        [_column(column, own) for column in node["columns"].values()],
        [
            *(in_words(test) for test in own if not test["column_name"]),
            *sorted(sentence(test["name"]) for test in across),
        ],
        [
            UnitTest(sentence(one["name"]), (one["description"] or "").strip())
            for one in unit_tests
            if one["model"] == node["name"]
        ],
        node["config"]["materialized"] == "view",
        node["original_file_path"],
    )


def _column(column: Node, tests: list[Node]) -> Column:
    required = any(constraint["type"] == "not_null" for constraint in column["constraints"])
    own = (test for test in tests if (test["column_name"] or "").strip('"') == column["name"])
    checks = dict.fromkeys([*(["never null"] if required else []), *(in_words(test) for test in own)])
    return Column(column["name"], column["data_type"] or "", column["description"].strip(), list(checks))


def _grain(test: Node) -> list[str]:
    """Return the columns that a test holds to be unique."""
    if test["test_metadata"]["name"] not in ("unique", "unique_combination"):
        return []
    columns = test["test_metadata"]["kwargs"].get("columns") or [test["column_name"]]
    return [column.strip('"') for column in columns]


def in_words(test: Node) -> str:
    """Return what a generic test asks of a table, as a reader would say it."""
    name, arguments = test["test_metadata"]["name"], _Arguments(test["test_metadata"]["kwargs"])
    words = _WORDS.get(name)
    text = words.format_map(arguments) if words else f"{sentence(name).lower()}{arguments.rest()}"
    return f"{text} (a warning only)" if test["config"]["severity"].lower() == "warn" else text


_WORDS = {
    "not_null": "never null",
    "unique": "no two rows alike",
    "unique_combination": "no two rows alike in {columns}",
    "accepted_values": "one of {values}",
    "relationships": "each is in {to}, column {field}",
    "between": "from {minimum} to {maximum}",
    "is_clean_tag": "as cleaning leaves a tag",
}


class _Arguments(dict[str, Any]):
    """The arguments of a test, as text."""

    def __getitem__(self, name: str) -> str:
        value = self.get(name, "?")
        return ", ".join(str(one).strip('"') for one in value) if isinstance(value, list) else str(value)

    def rest(self) -> str:
        names = [name for name in self if name not in ("column_name", "model")]
        return f" ({'; '.join(f'{name}: {self[name]}' for name in names)})" if names else ""


def sentence(name: str) -> str:
    """Return `no_tag_is_lost` as “No tag is lost”."""
    return name.replace("_", " ").capitalize()


def _function(node: Node) -> Function:
    arguments = [
        Argument(one["name"], one["data_type"], (one["description"] or "").strip(), _default(one))
        for one in node["arguments"]
    ]
    reads = [unique_id.rsplit(".", 1)[-1] for unique_id in node["depends_on"]["nodes"]]
    path = node["original_file_path"]
    return Function(node["unique_id"], node["name"], node["description"].strip(), arguments, sorted(set(reads)), path)


def _default(argument: Mapping[str, Any]) -> str | None:
    value = argument.get("default_value")
    return None if value is None else str(value)


def _consumer(node: Node) -> Consumer:
    uses = {unique_id.rsplit(".", 1)[-1] for unique_id in node["depends_on"]["nodes"]}
    return Consumer(
        node["name"],
        node["label"] or sentence(node["name"]),
        node["type"],
        node["maturity"] or "",
        node["owner"].get("name") or node["owner"].get("email") or "",
        node["description"].strip(),
        sorted(uses | set(node["config"]["meta"].get("functions", []))),
    )
