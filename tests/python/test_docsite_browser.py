"""The documentation site in a real browser, from the disk and from a static host, on data and descriptions that attack.

One build for all of it: the sample, and answers that hold scripts, marks of direction and NUL. The screenshots in
`site-screenshots/` are for people to look at.
"""

import json
import os
import re
import shutil
import threading
from collections.abc import Generator
from dataclasses import dataclass, field
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from urllib.parse import parse_qs, unquote, urljoin, urlsplit

import pytest
from conftest import PATIENCE_SECONDS, ROOT
from messy import SCRIPT, SEED
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright
from published import BuiltPlace

from docsite.lineage import ColumnName, read_lineage
from docsite.project import Project, Table, read_project
from docsite.release import Release
from docsite.site import write_site

SCREENSHOTS = ROOT / "site-screenshots"
CHROMIUM = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
DESKTOP, PHONE = (1280, 900), (390, 844)

DESCRIPTION = f"{SCRIPT} </script><img src=x onerror=window.ran=1> {{{{ 6*7 }}}} \u202e"
TABLE = "model.palette_analytics.palette_tag_consensus"


@pytest.fixture(scope="module")
def site(messy: BuiltPlace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of the sample and the attacks. Its descriptions attack too, in a copy called `attacked`."""
    directory = tmp_path_factory.mktemp("docsite")
    published, target, out = directory / "published", directory / "docs", directory / "site"
    messy.publish(published)
    shutil.copytree(messy.docs, target)
    assert write_site(ROOT, target, published / "current", out, 10).problems == []
    manifest = json.loads((target / "manifest.json").read_text())
    described = [*manifest["nodes"].values(), *manifest["exposures"].values(), *manifest["functions"].values()]
    described += [column for node in manifest["nodes"].values() for column in node["columns"].values()]
    for one in described:
        one["description"] = DESCRIPTION
    for exposure in manifest["exposures"].values():
        exposure["label"] = f"{exposure['name']} {SCRIPT}"
    (target / "manifest.json").write_text(json.dumps(manifest))
    write_site(ROOT, target, published / "current", directory / "attacked", 10)
    return out


@pytest.fixture(scope="module")
def chromium() -> Generator[Browser]:
    if CHROMIUM is None:
        pytest.skip("needs Chromium: make chromium, or name one with CHROMIUM=")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def host(site: Path) -> Generator[str]:
    """The site on a static host."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
            """Write no log."""

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@dataclass
class Visit:
    """A visitor of the site at `root`, who notes what goes wrong."""

    page: Page
    root: str
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        self.page.on("request", self._ask)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.wrong.append(f"{self.page.url}: {message.text}")

    def _ask(self, request: Request) -> None:
        if not request.url.startswith((self.root, "data:")):
            self.wrong.append(f"{self.page.url} asks for {request.url}")

    def open(self, url: str) -> Page:
        """Open a page, all of it."""
        self.page.goto("about:blank")  # dbt's pages differ in their fragment only
        self.page.goto(self.root + url)
        if url.startswith("dbt/"):
            self.page.wait_for_selector(".app-body, .app-main", state="attached")
        if url.startswith("lineage/"):
            self.page.wait_for_selector(".react-flow__node")
        assert self.page.evaluate("window.ran") is None, f"a script of the data ran on {url}"
        return self.page


def visit(browser: Browser, root: str, size: tuple[int, int] = DESKTOP, scheme: str = "light") -> Visit:
    width, height = size
    dark = scheme == "dark"
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light", reduced_motion="reduce"
    )
    context.set_default_timeout(PATIENCE_SECONDS * 1000)
    return Visit(context.new_page(), root)


def from_disk(site: Path) -> str:
    return f"{site.as_uri()}/"


def own_pages(site: Path) -> list[str]:
    """The pages that are written here, and not by dbt or dbt-colibri."""
    pages = sorted(str(path.relative_to(site)) for path in site.rglob("*.html"))
    return [page for page in pages if not page.startswith(("dbt/", "lineage/"))]


FOREIGN = [
    "dbt/index.html",
    f"dbt/index.html#!/model/{TABLE}",
    "dbt/index.html#!/function/function.palette_analytics.top_tags",
    f"lineage/index.html?model={TABLE}&parents=2&children=1",
]


@pytest.mark.further
@pytest.mark.parametrize("place", ["disk", "host"])
def test_every_page_loads_without_an_error_and_asks_no_network(
    site: Path, host: str, chromium: Browser, place: str
) -> None:
    visitor = visit(chromium, from_disk(site) if place == "disk" else host)
    for url in own_pages(site) + FOREIGN:
        page = visitor.open(url)
        assert page.title().strip(), url
        assert page.evaluate("document.documentElement.lang"), url
    assert visitor.wrong == []


@pytest.mark.further
def test_every_page_has_headings_in_order_and_fits_a_phone(site: Path, chromium: Browser) -> None:
    visitor = visit(chromium, from_disk(site), PHONE)
    for url in own_pages(site):
        page = visitor.open(url)
        levels = page.evaluate("[...document.querySelectorAll('main :is(h1,h2,h3,h4)')].map(h => +h.tagName[1])")
        assert levels[0] == 1, url
        assert levels.count(1) == 1, url
        assert all(after <= before + 1 for before, after in pairwise(levels)), (url, levels)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{url} is wider than a phone"


CONTRAST = """() => {
    const light = (color) => {
        const parts = color.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255)
            .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
    };
    const ground = (element) => {
        for (let one = element; one; one = one.parentElement) {
            const color = getComputedStyle(one).backgroundColor;
            if (!/, 0\\)$/.test(color)) return color;
        }
    };
    const low = {};
    for (const element of document.querySelectorAll('body *')) {
        if (![...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim())) continue;
        if (!element.checkVisibility()) continue;
        const [a, b] = [light(getComputedStyle(element).color), light(ground(element))];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5) low[element.tagName + '.' + element.className] = ratio;
    }
    return low;
}"""


@pytest.mark.further
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(site: Path, chromium: Browser, scheme: str) -> None:
    visitor = visit(chromium, from_disk(site), scheme=scheme)
    for url in ("index.html", "tables/tag_values.html", "README.html", "docs/decisions/README.html"):
        assert visitor.open(url).evaluate(CONTRAST) == {}, url


class Links(HTMLParser):
    """The links of a page, and the places in it that a link can name."""

    def __init__(self, page: str):
        super().__init__()
        self.targets: list[str] = []
        self.anchors: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src"):
                self.targets.append(value or "")
            if name == "id":
                self.anchors.add(value or "")


def test_every_internal_link_leads_somewhere(site: Path) -> None:
    manifest = json.loads(next(site.parent.glob("docs/manifest.json")).read_text())
    known = manifest["nodes"].keys() | manifest["functions"].keys()
    pages = {url: Links((site / url).read_text(encoding="utf-8")) for url in own_pages(site)}
    lost = []
    for url, page in pages.items():
        for target in page.targets:
            link = urlsplit(urljoin(f"http://site/{url}", target))
            if link.netloc != "site" or link.scheme == "data":
                continue
            path = unquote(link.path).removeprefix("/")
            if path.startswith("dbt/") and link.fragment:
                found = link.fragment.rsplit("/", 1)[-1] in known
            elif path.startswith("lineage/"):
                found = parse_qs(link.query)["model"][0] in known
            else:
                found = (site / path).is_file() and (not link.fragment or link.fragment in pages[path].anchors)
            if not found:
                lost.append(f"{url}: {target}")
    assert lost == []
    linked = {urlsplit(urljoin(f"http://site/{url}", t)).path[1:] for url, page in pages.items() for t in page.targets}
    assert {str(path.relative_to(site)) for path in site.rglob("*") if path.is_file()} <= linked | {
        "assets/search-index.js"
    }


@pytest.mark.further
@pytest.mark.parametrize("place", ["disk", "host"])
def test_the_search_finds_a_table_by_its_name(site: Path, host: str, chromium: Browser, place: str) -> None:
    visitor = visit(chromium, from_disk(site) if place == "disk" else host)
    page = visitor.open("docs/style.html")
    page.keyboard.press("/")
    page.keyboard.type("palette_tag_consensus")
    assert page.locator("#results li").count() > 3
    assert page.locator("#results strong").first.inner_text() == "palette_tag_consensus"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/tables/palette_tag_consensus.html")
    page.fill("#search", "rules of counting")
    assert "Where the rules of counting leave room" in page.locator("#results").inner_text()
    page.fill("#search", "no such word anywhere")
    assert page.locator("#results").inner_text() == "Nothing was found."
    page.keyboard.press("Escape")
    assert page.locator("#results").is_hidden()
    assert visitor.wrong == []


@pytest.mark.further
def test_dbt_docs_find_it_too(site: Path, chromium: Browser) -> None:
    visitor = visit(chromium, from_disk(site))
    page = visitor.open("dbt/index.html")
    page.get_by_text("How things are counted").wait_for()
    page.get_by_placeholder("Search for models").fill("palette_tag_consensus")
    page.get_by_text("search results").wait_for()
    page.locator(".search-result").filter(has_text=re.compile(r"^\s*palette_tag_consensus\s+model")).click()
    page.wait_for_url(f"**#!/model/{TABLE}**")
    assert visitor.wrong == []


def test_every_public_column_is_followed_to_where_it_comes_from(site: Path) -> None:
    project = read_project(site.with_name("docs"))
    with Release(site.with_name("published") / "current") as data:
        lineage = read_lineage(project, {one.unique_id: data.returned(one) for one in project.functions})

    def parents(table: str, column: str) -> list[str]:
        return [f"{one.table}.{one.column}" for one in lineage.parents(ColumnName(table, column))]

    assert lineage.errors == []
    # Inside json_tree(), of a UNION, in mixed case, through a function.
    values = "model.palette_analytics.int_answer_values"
    assert parents(values, "json_text") == ["int_answers.tags"]
    assert parents(TABLE, "promptVersion") == ["int_palette_prompts.prompt_version"]
    function = "function.palette_analytics.tag_summaries"
    assert parents(function, "promptVersions") == ["int_palette_prompts.prompt_version"]
    # The arguments of a function are no columns of the tables that it reads.
    read = {edge["sourceColumn"] for edge in lineage.report["lineage"]["edges"] if edge["source"] == TABLE}
    assert read - {""} <= {column.name for column in named(project, TABLE).columns}
    # What has no origin counts or numbers rows: the SQL of it names no column.
    rowwise = {(one.node, one.column) for one in lineage.unfed()}
    counted = re.compile(
        r"count|_total$|^items$|is_deleted|occurrences|rank|entropy|effective_tags|confidence|support|lift"
        r"|divergence|consistency"
    )
    names = [ColumnName(table.unique_id, column.name) for table in project.tables for column in table.columns]
    assert [name for name in names if not lineage.origins(name) and not counted.search(name.column)] == []
    assert not {column for node, column in rowwise if node.endswith(("stg_convex__palette_tags", "tag_values__said"))}


def named(project: Project, unique_id: str) -> Table:
    return next(table for table in project.tables if table.unique_id == unique_id)


def settle(page: Page) -> None:
    """Wait until nothing on the page has changed for ten frames."""
    page.evaluate("""() => new Promise(done => {
        let still = 0
        const changes = new MutationObserver(() => { still = 0 })
        changes.observe(document.body, {subtree: true, childList: true, attributes: true, characterData: true})
        const look = () => ++still < 10 ? requestAnimationFrame(look) : done(changes.disconnect())
        look()
    })""")


def drawn(page: Page) -> set[str]:
    """The nodes that the lineage graph shows, once all of it is in view."""
    page.locator(".react-flow__controls-fitview").click()
    settle(page)
    return set(page.evaluate("[...document.querySelectorAll('.react-flow__node')].map(node => node.dataset.id)"))


def lengths(page: Page) -> list[float]:
    """How long the lines are that the lineage graph shows, in pixels."""
    return page.evaluate("[...document.querySelectorAll('.react-flow__edge-path')].map(line => line.getTotalLength())")


@pytest.mark.further
def test_the_lineage_graph_draws_from_the_source_to_the_consumers(site: Path, chromium: Browser) -> None:
    visitor = visit(chromium, from_disk(site), (2400, 1200))
    page = visitor.open(f"lineage/index.html?model={TABLE}&parents=all&children=all&hideSidebars=true")
    nodes = drawn(page)
    assert {"source.palette_analytics.raw.palette_tags", "seed.palette_analytics.synonyms", TABLE} <= nodes
    assert {f"exposure.palette_analytics.{name}" for name in ("refinement_jobs", "convex_consensus_table")} <= nodes
    assert len(lengths(page)) >= len(nodes)
    assert all(length > 1 for length in lengths(page))
    page.screenshot(path=shot("lineage-from-source-to-exposures"))
    function = "function.palette_analytics.tag_summaries"
    page = visitor.open(f"lineage/index.html?model={function}&parents=all&children=all&hideSidebars=true")
    assert {"source.palette_analytics.raw.palette_tags", "exposure.palette_analytics.refinement_jobs"} <= drawn(page)
    assert visitor.wrong == []


@pytest.mark.further
@pytest.mark.parametrize(
    ("model", "column"),
    [
        (TABLE, "tags"),
        (TABLE, "promptVersion"),
        ("model.palette_analytics.attribute_consensus", "winner"),
        ("function.palette_analytics.tag_summaries", "categorical"),
    ],
)
def test_the_lineage_of_a_column_reaches_the_document_that_came(
    site: Path, chromium: Browser, model: str, column: str
) -> None:
    visitor = visit(chromium, from_disk(site), (2400, 1200))
    page = visitor.open(f"lineage/index.html?model={model}&column={column}&parents=all&children=all&hideSidebars=true")
    assert {model, "source.palette_analytics.raw.palette_tags"} <= drawn(page)
    source = page.locator("[data-id='source.palette_analytics.raw.palette_tags']")
    assert "document" in source.inner_text()
    assert len(lengths(page)) > 3
    page.screenshot(path=shot(f"lineage-of-{model.rsplit('.', 1)[-1]}-{column}"))
    assert visitor.wrong == []


@pytest.mark.further
def test_tags_that_attack_show_as_text(site: Path, chromium: Browser) -> None:
    visitor = visit(chromium, from_disk(site))
    page = visitor.open("tables/tag_values.html")
    shown = page.locator(".sample").inner_text()
    assert SEED in shown
    assert SCRIPT in shown
    page = visitor.open("tables/tag_frequencies.html")
    shown = page.locator(".sample").inner_text()
    for text in (SCRIPT, "</script><img src=x onerror=window.ran=1>", "aU+202EbU+200Fc", "nulU+0000here", "{{7*7}}"):
        assert text in shown
    assert page.locator(".sample script, .sample img").count() == 0
    page.screenshot(path=shot("hostile-tags"), full_page=True)
    assert SCRIPT in visitor.open("tables/unexpected_keys.html").locator(".sample").inner_text()
    assert visitor.wrong == []


@pytest.mark.further
def test_a_mark_of_direction_moves_nothing_beside_it(site: Path, chromium: Browser) -> None:
    page = visit(chromium, from_disk(site)).open("tables/tag_frequencies.html")
    left_to_right = """cell => {
        cell.style.whiteSpace = 'nowrap';
        const range = document.createRange(), walker = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
        const places = [];
        while (walker.nextNode()) {
            range.selectNodeContents(walker.currentNode);
            places.push(range.getBoundingClientRect().left);
        }
        return places;
    }"""
    marked = page.locator(".sample td", has_text="U+202E").first
    places = marked.evaluate(left_to_right)
    assert len(places) == len(["a", "U+202E", "b", "U+200F", "c"])
    assert places == sorted(places)
    hebrew = page.locator(".sample td", has_text="שלום").first
    assert hebrew.locator("bdi").count() == 1
    assert hebrew.evaluate("cell => getComputedStyle(cell).direction") == "ltr"


@pytest.mark.further
def test_descriptions_that_attack_show_as_text_everywhere(site: Path, chromium: Browser) -> None:
    attacked = site.with_name("attacked")
    visitor = visit(chromium, from_disk(attacked))
    for url in ("tables/palette_tag_consensus.html", "functions/top_tags.html", "consumers.html", "index.html"):
        page = visitor.open(url)
        assert f"{SCRIPT} </script><img src=x onerror=window.ran=1> {{{{ 6*7 }}}} U+202E" in page.inner_text("main")
    assert f"refinement_jobs {SCRIPT}" in visitor.open("consumers.html").inner_text("h2#refinement_jobs")
    page = visitor.open("index.html")
    page.fill("#search", "onerror")
    assert page.locator("#results mark").count()
    assert page.locator("#results img, #results script").count() == 0
    page = visitor.open(f"dbt/index.html#!/model/{TABLE}")
    page.get_by_text(SCRIPT).first.wait_for()
    page.screenshot(path=shot("hostile-descriptions-dbt-docs"))
    page = visitor.open(f"lineage/index.html?model={TABLE}&parents=1&children=1")
    page.get_by_role("button", name="Model Info").locator("visible=true").click()
    page.get_by_placeholder("Filter models").locator("visible=true").fill("palette_tag_consensus")
    page.get_by_text("palette_tag_consensus", exact=True).locator("visible=true").last.click()
    page.get_by_text(SCRIPT).locator("visible=true").first.wait_for()
    assert page.evaluate("window.ran") is None
    page.screenshot(path=shot("hostile-descriptions-lineage"))
    assert visitor.wrong == []


def test_the_site_tells_nothing_of_the_machine_that_made_it(site: Path) -> None:
    for path in site.rglob("*"):
        if path.is_file():
            assert str(ROOT).encode() not in path.read_bytes(), path


def shot(name: str) -> str:
    SCREENSHOTS.mkdir(exist_ok=True)
    return str(SCREENSHOTS / f"{name}.png")


LOOKED_AT = {
    "start": "index.html",
    "overview": "overview.html",
    "table": "tables/palette_tag_consensus.html",
    "function": "functions/top_tags.html",
    "lineage-in-words": "lineage.html",
    "consumers": "consumers.html",
    "decision": "docs/decisions/0002-reading-the-rules.html",
    "readme": "README.html",
    "dbt-docs": f"dbt/index.html#!/model/{TABLE}",
    "lineage": f"lineage/index.html?model={TABLE}&parents=2&children=1",
}


@pytest.mark.further
@pytest.mark.parametrize(("name", "size", "scheme"), [("desktop", DESKTOP, "light"), ("phone", PHONE, "dark")])
def test_screenshots_are_taken(site: Path, chromium: Browser, name: str, size: tuple[int, int], scheme: str) -> None:
    visitor = visit(chromium, from_disk(site), size, scheme)
    for what, url in LOOKED_AT.items():
        page = visitor.open(url)
        settle(page)
        page.screenshot(path=shot(f"{what}-{name}"))
        assert Path(shot(f"{what}-{name}")).stat().st_size > 5_000
    page = visitor.open("index.html")
    page.fill("#search", "palette_tag_consensus")
    page.screenshot(path=shot(f"search-{name}"))
    assert visitor.wrong == []
