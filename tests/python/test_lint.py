"""What checks and fixes layout and spelling: it finds what it should, and changes nothing that it shouldn't."""

import ast
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
    """A copy of the project that uses this environment. Its locks are older than that, so make installs nothing."""
    project = tmp_path / "project"
    shutil.copytree(PROJECT, project, ignore=NOT_OURS)
    for path in (*(project / "requirements").iterdir(), project / "pyproject.toml", project / "palette.py"):
        os.utime(path, (0, 0))
    (project / ".venv").symlink_to(sys.prefix)
    subprocess.run(["git", "init", "--quiet"], cwd=project, check=True)
    return project


def make(project: Path, target: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "NO_COLOR": "1"}
    return subprocess.run(
        ["make", target], cwd=project, env=environment, capture_output=True, text=True, encoding="utf-8", check=False
    )


# Spelling


@pytest.mark.further
@pytest.mark.parametrize(
    ("file", "line", "word"),
    [
        ("docs/glossary.md", "The behaviour of a langauge model.", "langauge"),
        ("models/marts/x.sql", "-- what is organized by palette", "organized"),
        ("examples/x.ts", "// the favorite palette", "favorite"),
    ],
)
def test_american_words_and_typos_are_found(tmp_path: Path, file: str, line: str, word: str) -> None:
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


@pytest.mark.further
def test_names_that_others_gave_may_stay(tmp_path: Path) -> None:
    shutil.copy(PROJECT / "typos.toml", tmp_path)
    (tmp_path / "page.md").write_text("The attribute dominant_colors, and `color_family`, of a grey colour.\n")
    (tmp_path / "code.py").write_text('headers = {"Authorization": key}  # unicodedata.normalize\n')
    (tmp_path / "model.yml").write_text("config: {materialized: view}\n")
    found = subprocess.run(
        [Path(sys.prefix) / "bin" / "typos"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert found.stdout == ""


# What stands on what

BASE = ("common", "convex")
STANDS_ON = {"common": (), "convex": ("common",), "extract": BASE, "publish": BASE, "docsite": BASE, "governance": BASE}


@pytest.mark.parametrize("package", STANDS_ON)
def test_a_package_imports_only_what_it_stands_on(package: str) -> None:
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (PROJECT / package).rglob("*.py")]
    imports = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {
        name.partition(".")[0]
        for node in imports
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
    }
    ours = {path.parent.name for path in PROJECT.glob("*/__init__.py")} | {"seeds", "tests"}
    assert names & ours <= {package, *STANDS_ON[package]}


# Fixing

CROOKED = """\
with

 counted as (

      select
    tag,
          cast(answer_count as double) as votes,
        (answer_count::integer) as   answer_count
    from {{ ref('tag_totals') }} as   totals
    where prompt_version  is null

)

select * from counted
"""


@pytest.mark.further
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
    fixed = crooked.read_text()
    assert fixed != CROOKED
    assert re.sub(r"\s", "", fixed) == re.sub(r"\s", "", CROOKED)
    assert "\n        cast(answer_count as double) as votes,\n" in fixed


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


@pytest.mark.further
def test_a_hook_stops_a_commit_and_says_what_to_do(project: Path) -> None:
    (project / "docs" / "page.md").write_text("A color.\n")
    subprocess.run(["git", "add", "docs/page.md"], cwd=project, check=True)
    command = [".venv/bin/pre-commit", "run", "spelling", "--files", "docs/page.md"]
    environment = {**os.environ, "PRE_COMMIT_HOME": str(project.parent / "pre-commit")}
    run = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "`color` should be `colour`" in run.stdout
    assert "typos.toml" in run.stdout


# Reading Parquet


def calls(text: str, name: str) -> Iterator[str]:
    """Yield the arguments of each call of a function whose name matches, as they are written."""
    for match in re.finditer(rf"\b(?:{name})\(", text):
        depth, end = 1, match.end()
        while depth and end < len(text):
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
        yield text[match.end() : end - 1]


def code() -> Iterator[Path]:
    """The project's code, SQL and documentation, but this file."""
    for directory, folders, files in os.walk(PROJECT):
        ignored = NOT_OURS(directory, folders + files)
        folders[:] = [folder for folder in folders if folder not in ignored]
        names = (Path(directory) / file for file in files)
        yield from (path for path in names if path.suffix in {".py", ".sql", ".mjs", ".ts"} and path != Path(__file__))


def test_no_read_of_parquet_takes_a_column_from_the_name_of_a_folder() -> None:
    wrong, right = [], 0
    for path in code():
        text = path.read_text(encoding="utf-8")
        reads = [*calls(text, "read_parquet|parquet_scan")]
        tables = [*calls(text, r"read_table|ParquetDataset|(?:ds|dataset)\.dataset")]
        wrong += [f"{path.relative_to(PROJECT)}: {call}" for call in reads if "hive_partitioning = false" not in call]
        wrong += [f"{path.relative_to(PROJECT)}: {call}" for call in tables if "partitioning=None" not in call]
        wrong += [
            f"{path.relative_to(PROJECT)}: {call}" for call in re.findall(r"from\s+'[^'\s]*\.parquet'", text, re.I)
        ]
        right += len(reads) + len(tables)
    assert wrong == []
    assert right > 10


# Settings


@pytest.mark.parametrize("apart", [[], ["DUCKDB=2"]])
def test_what_is_set_but_empty_is_unset_for_make(tmp_path: Path, apart: list[str]) -> None:
    names = ("RAW_DIR", "DUCKDB_PATH", "PUBLISH_DIR", "DBT_TARGET_PATH", "DUCKDB_MEMORY_LIMIT", "CONVEX_URL")
    page = tmp_path / "page.mk"
    page.write_text("shown:\n\t@env\n\t@echo PYTHON=$(PYTHON)\n")

    def settings(**given: str) -> dict[str, str]:
        environment = {name: value for name, value in os.environ.items() if name not in names} | given
        command = ["make", "--silent", "-f", "Makefile", "-f", str(page), "shown", *apart]
        made = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=True)
        lines = (line.partition("=") for line in made.stdout.splitlines())
        return {name: value for name, _, value in lines if name in (*names, "PYTHON")}

    assert settings(**dict.fromkeys((*names, "PYTHON"), "")) == settings()
    given = {name: f"x $y ' {name}" for name in names}
    assert settings(**given) == settings() | given


# Time


def clock_calls(code: str) -> list[int]:
    """The lines of Python code that wait for a time to pass, whatever has happened by then: it may not be enough."""
    tree = ast.parse(code)
    in_loops = {id(node) for loop in ast.walk(tree) if isinstance(loop, ast.While) for node in ast.walk(loop)}
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute | ast.Name)
        and (name := node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id)
        and (name == "wait_for_timeout" or (name == "sleep" and id(node) not in in_loops))
    ]


def test_no_test_waits_for_a_time_to_pass() -> None:
    assert clock_calls("while not done():\n    time.sleep(0.1)\n") == []
    assert clock_calls("start()\ntime.sleep(1)\npage.wait_for_timeout(300)\n") == [2, 3]
    files = sorted((PROJECT / "tests" / "python").glob("*.py"))
    found = [f"{path.name}:{line}" for path in files for line in clock_calls(path.read_text(encoding="utf-8"))]
    assert found == [], "on a busy machine it may take longer: wait in a loop for what has to come, or use when_asked"


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
