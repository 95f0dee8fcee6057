"""Markdown as HTML. Raw HTML in it is shown as text, so a description can do nothing."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from docsite.text import visible

Link = Callable[[str], str | None]
"""Turns the target of a link into the one on the site; None where the site has no such page."""


@dataclass(frozen=True)
class Heading:
    """A heading below the title."""

    level: int
    anchor: str
    text: str


@dataclass(frozen=True)
class Rendered:
    """A document as HTML. `title` is its first heading, which isn't in `html`."""

    title: str
    html: Markup
    headings: list[Heading]


def render(text: str, link: Link = lambda target: target) -> Markup:
    """Return a piece of Markdown, such as a description, as HTML."""
    return _html(_PARSER.parse(text), link)


def render_document(text: str, link: Link) -> Rendered:
    """Return a Markdown file as HTML, each heading with the anchor that GitHub gives it."""
    tokens = _PARSER.parse(text)
    headings, seen = [], dict[str, int]()
    for opening, content in pairwise(tokens):
        if opening.type == "heading_open":
            words = "".join(child.content for child in content.children or [])
            slug = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
            seen[slug] = seen.get(slug, -1) + 1
            opening.attrSet("id", f"{slug}-{seen[slug]}" if seen[slug] else slug)
            headings.append(Heading(int(opening.tag[1]), str(opening.attrGet("id")), words))
    title = headings.pop(0).text if tokens and tokens[0].tag == "h1" else ""
    return Rendered(title, _html(tokens[3:] if title else tokens, link), headings)


def _html(tokens: Sequence[Token], link: Link) -> Markup:
    for token in tokens:
        for child in token.children or []:
            _follow(child, link)
    return Markup(_PARSER.renderer.render(tokens, _PARSER.options, {}))  # noqa: S704 (raw HTML is off)


def _follow(token: Token, link: Link) -> None:
    """Point a link or an image to its place on the site. A link that leads to no page of it becomes plain text."""
    name = {"link_open": "href", "image": "src"}.get(token.type)
    if name is None:
        return
    target = link(str(token.attrs[name]))
    if target is None:
        token.tag, token.attrs = "span", {}
    else:
        token.attrs[name] = target


def _text(_renderer: Any, tokens: Sequence[Token], index: int, _options: Any, _env: Any) -> str:
    return visible(tokens[index].content)


def _code(_renderer: Any, tokens: Sequence[Token], index: int, _options: Any, _env: Any) -> str:
    return Markup("<code>{}</code>").format(visible(tokens[index].content))


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    parser.add_render_rule("text", _text)
    parser.add_render_rule("code_inline", _code)
    scrolled = '<div class="scroll" tabindex="0" role="group" aria-label="Table">'
    parser.add_render_rule("table_open", lambda *_: f"{scrolled}<table>")
    parser.add_render_rule("table_close", lambda *_: "</table></div>")
    return parser


_PARSER = _parser()
