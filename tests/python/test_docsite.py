"""What of the documentation site needs no browser: text of any kind, Markdown, tests in words, the command line."""

import html
import json
import re
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from conftest import ROOT
from hypothesis import example, given
from hypothesis import strategies as st

from docsite.cli import main
from docsite.dbt_docs import without_html
from docsite.documents import read_documents
from docsite.markdown import render, render_document
from docsite.project import in_words
from docsite.search import index_script
from docsite.text import cell, visible

DIRECTIONS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
TAG = re.compile(r"<[^>]*>")


def seen(markup: str) -> str:
    """What a reader sees of HTML."""
    return html.unescape(TAG.sub("", markup))


UNSEEN = re.compile(r'<span class="unseen"[^>]*>U\+([0-9A-F]+)</span>')


@given(st.text())
@example("<script>alert(1)</script>")
@example("a\x00b\u202ec\u200fd\u2028\ufeff\U000e0041")
@example('"><img src=x onerror=alert(1)>')
def test_any_text_shows_as_itself_and_what_cannot_be_seen_as_its_code_point(text: str) -> None:
    pieces = UNSEEN.split(visible(text))
    shown, named = pieces[::2], pieces[1::2]
    assert not any("<" in piece or '"' in piece for piece in shown)
    assert not {c for c in html.unescape("".join(shown)) if unicodedata.category(c) in ("Cc", "Zl", "Zp")}
    assert not {c for c in html.unescape("".join(shown)) if unicodedata.bidirectional(c) in DIRECTIONS}
    again = [html.unescape(piece) for piece in shown]
    again[1:] = [chr(int(code, 16)) + piece for code, piece in zip(named, again[1:], strict=True)]
    assert "".join(again) == text


@pytest.mark.parametrize(
    "emoji", ["👩\u200d🚀", "🏴\U000e0067\U000e0062\U000e007f", "क्\u200dष", "🇩🇪", "❤️", "café", "凉"]
)
def test_what_belongs_together_stays_together(emoji: str) -> None:
    assert visible(emoji) == emoji


def test_a_long_value_can_be_opened_and_null_is_no_text() -> None:
    assert seen(cell(None)) == "null"
    assert "<details>" not in cell("x" * 120)
    assert seen(cell("x" * 5000)).endswith("5,000 characters in all")
    assert seen(cell([{"key": "<b>", "value": 1.0}])) == '[{"key": "<b>", "value": 1.0}]'
    assert (seen(cell(1.0)), seen(cell(0.91666)), seen(cell(1737128869499.382))) == ("1", "0.9167", "1737128869499.38")


HOSTILE = (
    '<script>window.ran=1</script> <img src=x onerror="window.ran=1"> \u202e \x00 `</script>` [x](javascript:alert(1))'
)


def test_markdown_can_hold_no_html_and_no_script() -> None:
    shown = render(HOSTILE)
    assert not re.search(r"<(script|img|a)\b", shown)
    assert "<script>window.ran=1</script>" in seen(shown)
    assert "U+202E" in seen(shown)


def test_links_lead_to_the_pages_and_else_to_nowhere() -> None:
    pages = {"style.md": "style.html"}
    text = (
        "# Title\n\n## What's *in* it\n\n## What's *in* it\n\n[a](style.md) [b](../secret.py) [c](https://example.com/)"
    )
    page = render_document(text, lambda target: target if "://" in target else pages.get(target))
    assert page.title == "Title"
    assert [heading.anchor for heading in page.headings] == ["whats-in-it", "whats-in-it-1"]
    assert re.findall(r'href="([^"]*)"', page.html) == ["style.html", "https://example.com/"]
    assert seen(page.html).strip().endswith("a b c")


def test_documents_link_to_each_other_and_take_their_pictures_along(tmp_path: Path) -> None:
    root, out = tmp_path / "root", tmp_path / "out"
    (root / "docs" / "decisions").mkdir(parents=True)
    (root / "README.md").write_text("# Read\n\n[style](docs/style.md#names) [code](extract/) [all](docs/decisions/)")
    (root / "docs" / "style.md").write_text("# Style\n\n## Names\n\n![a picture](picture.svg) ![gone](gone.svg)")
    (root / "docs" / "picture.svg").write_text("<svg/>")
    (root / "docs" / "decisions" / "README.md").write_text("# Decisions\n\n[up](../../README.md)")
    pages = {document.path: document.page.html for document in read_documents(root, out)}
    assert re.findall(r'href="([^"]*)"', pages["README.md"]) == ["docs/style.html#names", "docs/decisions/README.html"]
    assert re.findall(r'href="([^"]*)"', pages["docs/decisions/README.md"]) == ["../../README.html"]
    assert re.findall(r'src="([^"]*)"', pages["docs/style.md"]) == ["picture.svg"]
    assert (out / "docs" / "picture.svg").read_text() == "<svg/>"


def test_a_description_in_dbt_docs_holds_no_html_but_in_code() -> None:
    assert without_html("<b> `<b>` a < b") == "&lt;b> `<b>` a &lt; b"
    assert "<" not in without_html("`<b>\n<i>")


def test_the_search_index_is_a_script_whatever_it_holds() -> None:
    page = '<main><h1>A &lt;/script&gt; title</h1><p>one<p><h2 id="b">B</h2>two_<wbr>words<figure>no</figure></main>'
    script = index_script({"a.html": page})
    assert "</script" not in script
    assert json.loads(script.removeprefix("window.searchIndex = ").removesuffix(";\n")) == [
        {"url": "a.html", "page": "A </script> title", "heading": "A </script> title", "text": "one"},
        {"url": "a.html#b", "page": "A </script> title", "heading": "B", "text": "two_words"},
    ]


def test_a_test_is_told_in_words_known_or_not() -> None:
    def words(name: str, **arguments: object) -> str:
        metadata = {"name": name, "kwargs": arguments | {"model": "x"}}
        return in_words({"test_metadata": metadata, "config": {"severity": "ERROR"}})

    assert words("between", column_name="votes", minimum=1, maximum="total") == "from 1 to total"
    assert (
        words("unique_combination", columns=["seed", '"promptVersion"']) == "no two rows alike in seed, promptVersion"
    )
    assert words("adds_up", column_name="n", to="total") == "adds up (to: total)"


def test_without_a_release_or_artefacts_one_line_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text("the old site")
    arguments = ["--target", "none", "--publish-dir", str(tmp_path)]
    assert main(arguments) == 1
    assert "run make build" in capsys.readouterr().err
    (tmp_path / "release").mkdir()
    (tmp_path / "current").symlink_to("release")
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "dbt docs generate --target-path none" in error
    assert (tmp_path / "site" / "index.html").read_text() == "the old site"
    with pytest.raises(SystemExit) as stop:
        main(["--sample-rows", "-1"])
    assert stop.value.code == 2


@pytest.mark.parametrize(("package", "lacking"), [("docsite", "markdown_it"), ("governance", "dbt")])
def test_without_the_development_environment_one_line_says_how_to_have_it(package: str, lacking: str) -> None:
    code = f"import runpy, sys; sys.modules[{lacking!r}] = None; runpy.run_module({package!r}, run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"{package}: there is no Python module {lacking}")
    assert line.endswith("make env installs it")
