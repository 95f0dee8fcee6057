"""What checks and mends layout and spelling: it finds what it should, and changes nothing that it shouldn't."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from conftest import tree
from warehouse import PROJECT

NOT_OURS = shutil.ignore_patterns(
    ".git",
    ".venv*",
    "data",
    "target",
    "logs",
    "site",
    "build",
    "node_modules",
    "__pycache__",
    ".*_cache",
    ".hypothesis",
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project that uses this environment; files keep their times, so nothing is installed anew."""
    project = tmp_path / "project"
    shutil.copytree(PROJECT, project, ignore=NOT_OURS)
    (project / ".venv").symlink_to(sys.prefix)
    subprocess.run(["git", "init", "--quiet"], cwd=project, check=True)
    return project


def make(project: Path, target: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "NO_COLOR": "1"}
    return subprocess.run(
        ["make", target], cwd=project, env=environment, capture_output=True, text=True, encoding="utf-8", check=False
    )


# Spelling


def typos(directory: Path) -> subprocess.CompletedProcess[str]:
    command = [Path(sys.prefix) / "bin" / "typos", "--format", "brief"]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, encoding="utf-8", check=False)


@pytest.mark.parametrize(
    ("file", "line", "word"),
    [
        ("docs/glossary.md", "What a color is.", "color"),
        ("docs/glossary.md", "The behavior of a palete.", "behavior"),
        ("docs/glossary.md", "The behaviour of a langauge model.", "langauge"),
        ("models/marts/x.yml", "description: The center of a palette.", "center"),
        ("models/marts/x.sql", "-- what is organized by palette", "organized"),
        ("publish/x.py", "# whatever is recognized", "recognized"),
        ("examples/x.ts", "// the favorite palette", "favorite"),
    ],
)
def test_american_words_and_slips_are_found(tmp_path: Path, file: str, line: str, word: str) -> None:
    shutil.copy(PROJECT / "typos.toml", tmp_path)
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).write_text(f"{line}\n")
    found = subprocess.run(
        [Path(sys.prefix) / "bin" / "typos", "--format", "brief"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode != 0
    assert f"`{word}` should be" in found.stdout


def test_names_that_others_gave_may_stay(tmp_path: Path) -> None:
    shutil.copy(PROJECT / "typos.toml", tmp_path)
    (tmp_path / "page.md").write_text("The attribute dominant_colors, and `color_family`, of a grey colour.\n")
    (tmp_path / "code.py").write_text('headers = {"Authorization": key}  # unicodedata.normalize\n')
    (tmp_path / "model.yml").write_text("config: {materialized: view}\n")
    found = subprocess.run(
        [Path(sys.prefix) / "bin" / "typos"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert found.stdout == ""


# Mending

CROOKED = """\
with

 counted as (

      select
    tag,
          cast(result_count as double) as votes,
        (result_count::integer) as   result_count
    from {{ ref('tag_totals') }} as   totals
    where prompt_version  is null

)

select * from counted
"""


def test_make_fix_changes_white_space_of_sql_and_words_of_markdown_and_nothing_else(project: Path) -> None:
    crooked = project / "models" / "marts" / "frequency" / "crooked.sql"
    crooked.write_text(CROOKED)
    (project / "docs" / "page.md").write_text("A color, and `color`.\n")
    (project / "publish" / "crooked.py").write_text('"""A module of one color."""\n\nimport os\n\ncolor =  os.name\n')
    before = sources(project)
    done = make(project, "fix")
    assert done.returncode == 0, done.stderr
    after = sources(project)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"models/marts/frequency/crooked.sql", "docs/page.md", "publish/crooked.py"}
    assert after["docs/page.md"] == b"A colour, and `color`.\n"
    assert after["publish/crooked.py"] == b'"""A module of one color."""\n\nimport os\n\ncolor = os.name\n'
    mended = crooked.read_text()
    assert mended != CROOKED
    assert re.sub(r"\s", "", mended) == re.sub(r"\s", "", CROOKED)
    assert "\n        cast(result_count as double) as votes,\n" in mended


def sources(project: Path) -> dict[str, bytes]:
    return {name: content for name, content in tree(project).items() if not name.startswith((".git/", ".ruff_cache/"))}


# Hooks


def hooks() -> list[dict[str, str]]:
    config = yaml.safe_load((PROJECT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert [repo["repo"] for repo in config["repos"]] == ["local"]
    return config["repos"][0]["hooks"]


def test_hooks_download_nothing_and_say_what_make_says() -> None:
    assert {hook["language"] for hook in hooks()} == {"system"}
    targets = [hook["entry"].removeprefix("make --silent ") for hook in hooks()]
    known = subprocess.run(["make", "--dry-run", *targets], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert known.returncode == 0, known.stderr
    for part in ("lint-python", "lint-sql", "lint-yaml", "spelling"):
        assert part in targets


def test_a_hook_stops_a_commit_and_says_what_to_do(project: Path) -> None:
    (project / "docs" / "page.md").write_text("A color.\n")
    subprocess.run(["git", "add", "docs/page.md"], cwd=project, check=True)
    command = [".venv/bin/pre-commit", "run", "spelling", "--files", "docs/page.md"]
    environment = {**os.environ, "PRE_COMMIT_HOME": str(project.parent / "pre-commit")}
    run = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "`color` should be `colour`" in run.stdout
    assert "typos.toml" in run.stdout


# Links

LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")


def pages() -> Iterator[Path]:
    for directory, folders, files in os.walk(PROJECT):
        ignored = NOT_OURS(directory, folders + files)
        folders[:] = [folder for folder in folders if folder not in ignored]
        yield from (Path(directory) / file for file in files if file.endswith(".md"))


def anchors(page: Path) -> set[str]:
    """The names that GitHub gives to a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_links_between_pages_lead_somewhere() -> None:
    broken = []
    for page in pages():
        for link in LINK.findall(page.read_text(encoding="utf-8")):
            path, _, anchor = link.partition("#")
            if re.match(r"[a-z]+:", link):
                continue
            target = page.parent / path if path else page
            if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
                broken.append(f"{page.relative_to(PROJECT)}: {link}")
    assert broken == []


# Orders that depend on no session

NO_CODE = re.compile(r"\{#.*?#\}|--[^\n]*", re.DOTALL)
ORDER_BY = re.compile(r"\border\s+by\b", re.IGNORECASE)
AFTER_TERMS = re.compile(
    r"[)'\";]|\{%|\Z|(?<![\w.])(?:limit|offset|rows|range|groups|qualify|union|window)\b", re.IGNORECASE
)
FULL_TERM = re.compile(r"\S.*\s(?:asc|desc)\s+nulls\s+(?:first|last)", re.IGNORECASE | re.DOTALL)
LIST_SORT = re.compile(r"\b(?:list|array)_(?:reverse_)?(?:sort|grade_up)\(", re.IGNORECASE)


def terms(sql: str, start: int) -> Iterator[str]:
    """Yield the terms of the `order by` that ends at `start`."""
    depth, term = 0, start
    for place in range(start, len(sql) + 1):
        if depth == 0 and AFTER_TERMS.match(sql, place):
            yield sql[term:place].strip()
            return
        if depth == 0 and sql[place] == ",":
            yield sql[term:place].strip()
            term = place + 1
        depth += (sql[place] in "([{") - (sql[place] in ")]}")


def arguments(sql: str, start: int) -> list[str]:
    """Return the arguments of the call whose bracket ends at `start`."""
    depth, found = 1, [""]
    for character in sql[start:]:
        depth += (character in "([{") - (character in ")]}")
        if depth == 0:
            break
        if depth == 1 and character == ",":
            found.append("")
        else:
            found[-1] += character
    return [argument.strip() for argument in found]


def left_to_the_session(sql: str) -> list[str]:
    """Return the orders that DuckDB's `default_order` and `default_null_order` would change."""
    code = NO_CODE.sub("", sql)
    open_terms = [
        term for order in ORDER_BY.finditer(code) for term in terms(code, order.end()) if not FULL_TERM.fullmatch(term)
    ]
    sorts = (arguments(code, call.end()) for call in LIST_SORT.finditer(code))
    return open_terms + [f"list_sort({sort[0]})" for sort in sorts if len(sort) < 3]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select a from b order by a, c desc nulls last limit 3", ["a"]),
        ("list(a order by f(a, b) asc nulls last, c asc)", ["c asc"]),
        ("over (partition by a order by b desc nulls first rows between 1 preceding and current row)", []),
        ("{% do run_query('select a from b order by a') %}", ["a"]),
        ("select 1 {# order by a #} -- order by a", []),
        ("order by all asc nulls last limit 5", []),
        ("list_sort(list(f(a, b)))", ["list_sort(list(f(a, b)))"]),
        ("list_sort(list(f(a, b)), 'asc', 'nulls last')", []),
    ],
)
def test_an_order_that_is_left_to_the_session_is_found(sql: str, expected: list[str]) -> None:
    assert left_to_the_session(sql) == expected


def test_every_order_says_its_direction_and_where_nulls_go() -> None:
    folders = ("analyses", "functions", "macros", "models")
    files = sorted(path for folder in folders for path in (PROJECT / folder).rglob("*.sql"))
    found = {str(path.relative_to(PROJECT)): left_to_the_session(path.read_text(encoding="utf-8")) for path in files}
    assert {name: orders for name, orders in found.items() if orders} == {}
