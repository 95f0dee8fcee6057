"""The Markdown files of the repository as pages: README, contributing, style, architecture, decisions."""

import posixpath
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from docsite.markdown import Rendered, render_document

ROOT_PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")
PLACES = (*ROOT_PAGES, "docs/**/*.md", "tests/generic/README.md", "examples/*/README.md")
PICTURES = {".svg", ".png"}


@dataclass(frozen=True)
class Document:
    """A page made from a Markdown file. `path` is the file's place in the repository, `url` that of the page."""

    path: str
    url: str
    page: Rendered

    @property
    def label(self) -> str:
        """The title, as a list of pages has it."""
        return "README" if self.path == "README.md" else self.page.title

    @property
    def is_decision(self) -> bool:
        """Whether it is a decision record."""
        return self.path.startswith("docs/decisions/") and not self.path.endswith("README.md")


def read_documents(root: Path, out: Path) -> list[Document]:
    """Render the documents below `root`, and copy the pictures that they show to `out`."""
    paths = [str(path.relative_to(root)) for place in PLACES for path in sorted(root.glob(place))]
    urls = {path: _url(path) for path in dict.fromkeys(paths) if "node_modules" not in path}
    return [
        Document(path, url, render_document((root / path).read_text(encoding="utf-8"), _Links(root, out, path, urls)))
        for path, url in urls.items()
    ]


def _url(path: str) -> str:
    return str(PurePosixPath(path).with_suffix(".html"))


@dataclass(frozen=True)
class _Links:
    """Where the links of one file lead on the site."""

    root: Path
    out: Path
    path: str
    urls: dict[str, str]

    def __call__(self, target: str) -> str | None:
        parts = urlsplit(target)
        if parts.scheme or parts.netloc or not parts.path:
            return target
        found = posixpath.normpath(posixpath.join(posixpath.dirname(self.path), parts.path))
        url = next((self.urls[name] for name in (found, f"{found}/README.md") if name in self.urls), None)
        if url is None and PurePosixPath(found).suffix in PICTURES and (self.root / found).is_file():
            url = found
            (self.out / found).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(self.root / found, self.out / found)
        if url is None:
            return None
        here = posixpath.dirname(self.urls[self.path]) or "."
        return posixpath.relpath(url, here) + (f"#{parts.fragment}" if parts.fragment else "")


def decisions(documents: list[Document]) -> Iterator[Document]:
    """Return the decision records, oldest first."""
    return (document for document in documents if document.is_decision)
