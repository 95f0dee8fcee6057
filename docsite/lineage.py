"""Column lineage, from the documents in the raw zone to those who use the result.

dbt-colibri follows the columns and draws the graph. Here it is taught what it doesn't know of DuckDB and of this
project: names in mixed case, table functions inside a query (`json_tree`), and dbt's `functions`.
"""

import copy
import json
import logging
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dbt_colibri.report.generator as colibri
import sqlglot
from dbt_colibri.lineage_extractor.extractor import DbtColumnLineageExtractor
from sqlglot import exp

from docsite.foreign import adopted, replaced
from docsite.project import Node, Project
from docsite.release import ReturnedColumn

DIALECT = "duckdb"
# What only the vendor's service can do is left out.
_HEAD = (
    "<title>Lineage · palette-analytics</title>"
    '<style>[class*="border-dashed"][class*="border-purple-primary"]{display:none!important}</style>'
)


@dataclass(frozen=True, order=True)
class ColumnName:
    """A column of a node; `node` is dbt's unique id."""

    node: str
    column: str

    @property
    def table(self) -> str:
        """The name of the table, with that of its source before it."""
        kind, _project, *names = self.node.split(".")
        return ".".join(names) if kind == "source" else names[-1]


class Lineage:
    """Which columns feed which."""

    def __init__(self, report: Node):
        self.report = report
        parents = report["lineage"]["parents"]
        self._parents = {
            ColumnName(node, column): sorted({ColumnName(one["dbt_node"], one["column"]) for one in feeding})
            for node, columns in parents.items()
            for column, feeding in columns.items()
        }

    @property
    def errors(self) -> list[str]:
        """The columns that couldn't be followed because their SQL couldn't be read, as text."""
        return [f"{one.get('model', '?')}: {one}" for one in self.report["errors"]]

    def parents(self, column: ColumnName) -> list[ColumnName]:
        """Return the columns that a column is made from, one step up."""
        return self._parents.get(column, [])

    def origins(self, column: ColumnName) -> list[ColumnName]:
        """Return the columns of sources and seeds that a column comes from in the end."""
        return sorted(one for one in self._above(column) if one.node.startswith(("source.", "seed.")))

    def unfed(self) -> list[ColumnName]:
        """Return the columns that no column feeds."""
        return sorted(
            ColumnName(unique_id, column)
            for unique_id, node in self.report["nodes"].items()
            if node["nodeType"] == "model"
            for column in node["columns"]
            if not self.parents(ColumnName(unique_id, column))
        )

    def rows_of(self, column: ColumnName) -> list[str]:
        """Return the tables that the table of a column is made from."""
        edges = self.report["lineage"]["edges"]
        return sorted({ColumnName(edge["source"], "").table for edge in edges if edge["target"] == column.node})

    def _above(self, column: ColumnName) -> set[ColumnName]:
        seen, waiting = set[ColumnName](), [column]
        while waiting:
            new = [parent for parent in self.parents(waiting.pop()) if parent not in seen]
            seen.update(new)
            waiting += new
        return seen


def read_lineage(project: Project, returned: Mapping[str, list[ReturnedColumn]]) -> Lineage:
    """Follow every column of the project. `returned` has the columns of each table function, by its unique id."""
    manifest, catalog = copy.deepcopy(project.manifest), copy.deepcopy(project.catalog)
    for unique_id, function in project.manifest["functions"].items():
        manifest["nodes"][unique_id] = _as_model(function, manifest, returned[unique_id])
        catalog["nodes"][unique_id] = _catalog_entry(function, returned[unique_id])
    ids = {function["name"]: unique_id for unique_id, function in project.manifest["functions"].items()}
    for exposure in manifest["exposures"].values():
        exposure["depends_on"]["nodes"] += [ids[name] for name in exposure["config"]["meta"].get("functions", [])]
    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    logging.getLogger("colibri").setLevel(logging.CRITICAL)  # what fails is in the report
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("manifest.json", "catalog.json")]
        for path, content in zip(paths, (manifest, catalog), strict=True):
            path.write_text(json.dumps(content), encoding="utf-8")
        extractor = _Extractor(*map(str, paths))
    return Lineage(colibri.DbtColibriReportGenerator(extractor, disable_telemetry=True).build_full_lineage())


def write_graph(lineage: Lineage, path: Path) -> None:
    """Write the page that draws the graph."""
    report = {name: lineage.report[name] for name in ("metadata", "nodes", "tree")}
    report["lineage"] = {"edges": lineage.report["lineage"]["edges"]}
    path.parent.mkdir(parents=True, exist_ok=True)
    template = Path(colibri.__file__).with_name("index.html")
    colibri.inject_data_into_html(report, str(template), str(path), disable_telemetry=True)
    page = adopted(path.read_text(encoding="utf-8"), "dbt-colibri", "calc(50% - 6rem)")
    path.write_text(replaced(page, "<title>Colibri Data</title>", _HEAD, "dbt-colibri"), encoding="utf-8")


class _Extractor(DbtColumnLineageExtractor):
    """dbt-colibri's, with what it doesn't know of DuckDB."""

    # DuckDB keeps the case of a quoted name, as those databases do that are in this list.
    _CASE_SENSITIVE_QUOTE_ADAPTERS = frozenset({DIALECT})

    def _sanitize_sql_for_parsing(self, sql: str, *context: Any, **more: Any) -> str:
        query = sqlglot.parse_one(super()._sanitize_sql_for_parsing(sql, *context, **more), dialect=DIALECT)
        for alias, given in _table_functions(query):
            for column in list(query.find_all(exp.Column)):
                if column.table == alias:
                    column.replace(given.copy())
        return query.sql(dialect=DIALECT)


def _table_functions(query: exp.Expr) -> Iterator[tuple[str, exp.Column]]:
    """Find calls such as `json_tree(elements.json_text) as node`, with the column that they are given."""
    for table in query.find_all(exp.Table):
        given = table.this.find(exp.Column) if isinstance(table.this, exp.Func) else None
        if given is not None and table.alias:
            yield table.alias, given


def _as_model(function: Node, manifest: Node, returned: list[ReturnedColumn]) -> Node:
    """Return a table function as the model that dbt-colibri takes it for.

    The tables in it get the name of their database, and its arguments, which would be taken for columns, become nulls.
    """
    query = sqlglot.parse_one(function["compiled_code"], dialect=DIALECT)
    arguments = {argument["name"] for argument in function["arguments"]}
    for column in list(query.find_all(exp.Column)):
        if not column.table and column.name in arguments:
            column.replace(exp.Null())
    read = [manifest["nodes"][unique_id] for unique_id in function["depends_on"]["nodes"]]
    databases = {(node["schema"], node["alias"]): node["database"] for node in read}
    for table in query.find_all(exp.Table):
        if (table.db, table.name) in databases:
            table.set("catalog", exp.to_identifier(databases[table.db, table.name], quoted=True))
    relation = ".".join(f'"{function[part]}"' for part in ("database", "schema", "name"))
    return function | {
        "resource_type": "model",
        "compiled_code": query.sql(dialect=DIALECT),
        "relation_name": relation,
        "columns": {one.name: {"name": one.name, "quote": not one.name.islower()} for one in returned},
    }


def _catalog_entry(function: Node, columns: list[ReturnedColumn]) -> Node:
    return {
        "unique_id": function["unique_id"],
        "metadata": {
            "type": "TABLE FUNCTION",
            "database": function["database"],
            "schema": function["schema"],
            "name": function["name"],
        },
        "columns": {
            column.name: {"name": column.name, "type": column.data_type, "index": index}
            for index, column in enumerate(columns, 1)
        },
        "stats": {},
    }
