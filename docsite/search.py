"""The index that the search box reads: a script, since a page on the disk may load scripts and nothing else."""

import json
from dataclasses import dataclass, field
from html.parser import HTMLParser

HEADINGS = {"h1", "h2", "h3"}
NOT_WORTH_FINDING = {"script", "style", "nav", "figure"}
"""A `figure` holds sample rows: data, not documentation."""
NO_END = {"br", "hr", "img", "input", "meta", "link", "wbr"}


@dataclass
class Section:
    """A heading, and the text below it. `anchor` is empty for the top of the page."""

    anchor: str
    heading: str = ""
    text: str = ""


def index_script(pages: dict[str, str]) -> str:
    """Return the script, for pages of HTML by their URL."""
    sections = [
        {"url": url + (f"#{section.anchor}" if section.anchor else ""), "page": found[0].heading or url}
        | {"heading": section.heading, "text": " ".join(section.text.split())}
        for url, page in pages.items()
        if (found := sections_of(page))
        for section in found
    ]
    content = json.dumps(sections, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return f"window.searchIndex = {content};\n"


def sections_of(page: str) -> list[Section]:
    """Return the sections of the `<main>` of a page."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    return reader.sections


@dataclass
class _Reader(HTMLParser):
    sections: list[Section] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._open: list[str] = []
        self._goes_on = False  # a word that may be broken here is one word

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._goes_on = tag == "wbr"
        if tag not in NO_END:
            self._open.append(tag)
        anchor = dict(attrs).get("id") or ""
        if "main" in self._open and (tag == "h1" or (tag in HEADINGS and anchor)):
            self.sections.append(Section("" if tag == "h1" else anchor))

    def handle_endtag(self, tag: str) -> None:
        while tag in self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not self.sections or "main" not in self._open or NOT_WORTH_FINDING & set(self._open):
            return
        section = self.sections[-1]
        if HEADINGS & set(self._open):
            section.heading += data
        elif self._goes_on:
            section.text = section.text.rstrip() + f"{data} "
        else:
            section.text += data if {"bdi", "span"} & set(self._open[-1:]) else f" {data} "
