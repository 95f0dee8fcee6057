"""The site as a whole: every page, the index that the search reads, and dbt's and dbt-colibri's pages beside them."""

import posixpath
import shutil
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from common.files import atomic_directory
from docsite.dbt_docs import write_dbt_docs
from docsite.documents import Document, decisions, read_documents
from docsite.lineage import ColumnName, Lineage, read_lineage, write_graph
from docsite.markdown import render, render_document
from docsite.project import Project, read_project
from docsite.release import Release, ReturnedColumn, Sample
from docsite.search import index_script
from docsite.text import cell, visible

ASSETS = ("site.css", "site.js")


@dataclass(frozen=True)
class Site:
    """What was written. `problems` says what couldn't be shown, one sentence each."""

    pages: int
    problems: list[str]


def write_site(root: Path, target: Path, published: Path, out: Path, sample_rows: int) -> Site:
    """Write the site to `out`, in place of what is there, once all of it is written.

    `root` is the project, `target` has what `dbt docs generate` made, `published` is a release. Raises
    CommandError where one of them can't be read; then the old site stays.
    """
    project = read_project(target)
    with atomic_directory(out, out.with_name(f".{out.name}.new")) as new:
        with Release(published) as data:
            samples = {table.name: data.sample(table, sample_rows) for table in project.tables}
            returned = {function.unique_id: data.returned(function) for function in project.functions}
            lineage = read_lineage(project, returned)
            documents = read_documents(root, new)
            pages = _Pages(project, data, samples, returned, lineage, documents).render()
        for url, page in pages.items():
            path = new / url
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(page, encoding="utf-8")
        (new / "assets").mkdir()
        for name in ASSETS:
            (new / "assets" / name).write_bytes(files("docsite").joinpath("assets", name).read_bytes())
        (new / "assets" / "search-index.js").write_text(index_script(pages), encoding="utf-8")
        write_dbt_docs(project, target, new / "dbt" / "index.html")
        write_graph(lineage, new / "lineage" / "index.html")
        shutil.rmtree(out, ignore_errors=True)
    return Site(len(pages) + 2, [f"lineage: {error}" for error in lineage.errors])


@dataclass(frozen=True)
class _Pages:
    """All that the pages show."""

    project: Project
    data: Release
    samples: dict[str, Sample]
    returned: dict[str, list[ReturnedColumn]]
    lineage: Lineage
    documents: list[Document]

    def render(self) -> dict[str, str]:
        """Return the HTML of each page by its URL."""
        page = _PageMaker(_environment(), self._shared())
        page("index.html", "index.html")
        page("overview.html", "overview.html", overview=render_document(self.project.overview, lambda target: target))
        page("lineage.html", "lineage.html")
        page("consumers.html", "consumers.html")
        for table in self.project.tables:
            page("table.html", self._urls()[table.name], table=table, sample=self.samples[table.name])
        for function in self.project.functions:
            columns = self.returned[function.unique_id]
            page("function.html", self._urls()[function.name], function=function, columns=columns)
        for document in self.documents:
            page("document.html", document.url, document=document)
        return page.pages

    def _urls(self) -> dict[str, str]:
        """Return the page of each public table and function by its name."""
        tables = {table.name: f"tables/{table.name}.html" for table in self.project.tables}
        return tables | {function.name: f"functions/{function.name}.html" for function in self.project.functions}

    def _users(self, name: str) -> list[Any]:
        """Return the consumers that use a public table or function."""
        return [consumer for consumer in self.project.consumers if name in consumer.uses]

    def _comes_from(self, unique_id: str, column: str) -> tuple[list[ColumnName], list[ColumnName], list[str]]:
        """Return what feeds a column, where that comes from in the end, and the tables whose rows it else counts."""
        name = ColumnName(unique_id, column)
        parents = self.lineage.parents(name)
        return parents, self.lineage.origins(name), [] if parents else self.lineage.rows_of(name)

    def _shared(self) -> dict[str, Any]:
        """Return what every page can ask for."""
        return {
            "project": self.project,
            "manifest": self.data.manifest,
            "built_at": datetime.fromisoformat(self.data.manifest.built_at),
            "samples": self.samples,
            "lineage": self.lineage,
            "documents": {document.path: document for document in self.documents},
            "decisions": list(decisions(self.documents)),
            "urls": self._urls(),
            "users": self._users,
            "comes_from": self._comes_from,
        }


class _PageMaker:
    """Renders pages, and keeps them by their URL."""

    def __init__(self, environment: Environment, shared: dict[str, Any]):
        self.pages: dict[str, str] = {}
        self._environment = environment
        self._shared = shared

    def __call__(self, template: str, url: str, **content: Any) -> None:
        self.pages[url] = self._environment.get_template(template, globals=self._shared).render(page_url=url, **content)


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("docsite"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"markdown": render, "visible": visible, "cell": cell, "url": _url, "words": _words}
    return environment


@pass_context
def _url(context: Context, target: str) -> str:
    """Return where a page is, as seen from the page that is being rendered."""
    return posixpath.relpath(target, posixpath.dirname(context["page_url"]) or ".")


def _words(name: str) -> Markup:
    """Return a name that may be broken at its underscores, so that it fits a narrow screen."""
    return Markup("_<wbr>").join(name.split("_"))
