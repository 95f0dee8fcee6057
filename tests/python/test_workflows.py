"""The workflows of .github/ and the Dockerfile: what runs there is what runs here, with as few rights as can be."""

import json
import re
import subprocess
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT

FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
COMMAND = re.compile(r'make(?: --silent)?(?: -C before)? ([a-z-]+)(?: [A-Z]+=\d+)*(?: >> "\$GITHUB_STEP_SUMMARY")?')


def workflow(path: Path) -> dict[str, Any]:
    return yaml.load(path.read_text(), yaml.BaseLoader)  # noqa: S506 - the one that takes `on` for a word


def jobs(path: Path) -> Generator[tuple[str, dict[str, Any]]]:
    yield from workflow(path)["jobs"].items()


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for _name, job in jobs(path) for step in job["steps"]]


@pytest.fixture(scope="module")
def targets() -> set[str]:
    """The targets that `make help` lists."""
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return {line.split()[1] for line in shown.splitlines() if line.startswith("  make ")}


def test_there_are_the_three_workflows() -> None:
    assert [path.name for path in FILES] == ["ci.yml", "nightly.yml", "pages.yml"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_command_is_a_make_target(path: Path, targets: set[str]) -> None:
    commands = [step["run"] for step in steps(path) if "run" in step]
    for command in commands:
        match = COMMAND.fullmatch(command)
        assert match, f"{command!r} is more than a make target: give it one in the Makefile"
        assert match[1] in targets, f"the Makefile has no target {match[1]} with a help text"


def test_secrets_are_known_to_the_nightly_build_alone_and_the_sample_is_never_pushed() -> None:
    assert [path.stem for path in FILES if "secrets." in path.read_text()] == ["nightly"]
    (path,) = (path for path in FILES if path.stem == "nightly")
    with_secrets = {step["run"]: step for step in steps(path) if "secrets." in str(step)}
    assert with_secrets.keys() == {"make sync", "make push"}
    assert with_secrets["make sync"]["if"] == "env.CAN_SYNC == 'true'"
    assert with_secrets["make push"]["if"] == "env.CAN_PUSH == 'true'"
    job = workflow(path)["jobs"]["nightly"]
    assert {name for name, job in jobs(path) if "secrets." in str(job)} == {"nightly"}
    can_sync, can_push = (job["env"][name].removesuffix(" }}") for name in ("CAN_SYNC", "CAN_PUSH"))
    assert can_push.startswith(can_sync)


@pytest.mark.parametrize(("name", "commands"), [("ci", ["test"]), ("nightly", ["test", "test-all"])])
def test_pull_requests_are_tested_and_each_night_everything_is_on_each_python_and_duckdb(
    name: str, commands: list[str]
) -> None:
    (path,) = (path for path in FILES if path.stem == name)
    job = workflow(path)["jobs"]["test"]
    assert job["strategy"]["matrix"] == {"python": ["3.11", "3.12", "3.13"], "duckdb": ["1", "2"]}
    assert job["env"]["DUCKDB"] == "${{ matrix.duckdb }}"
    assert {f"make {command}" for command in commands} <= {step.get("run") for step in job["steps"]}


def test_what_looks_further_is_all_that_make_test_leaves_out() -> None:
    """Together they run each test once, and `.ci/run` runs them both."""
    asked = [
        re.findall(r"/pytest .*", subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
        for command in (["make", "--dry-run", "pytest"], ["make", "--dry-run", "test-all"])
    ]
    (quick,), (further,) = asked
    assert quick.split(" -m ")[1] == "'not further'"
    assert further.split(" -m ")[1] == "further"
    assert "pytest" in re.findall(r"MAKE.* ([a-z]+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()[-2:] == ["make test", "make test-all"]


def test_duckdb_2_has_an_environment_and_folders_of_its_own() -> None:
    command = ["make", "--dry-run", "--always-make", "build", "DUCKDB=2"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert re.findall(r"-r requirements/(\S+)", shown) == ["runtime.txt", "duckdb2.txt"]
    assert ".venv-duckdb2/bin/python -m common.run_dbt --quiet build" in shown
    assert ".venv/" not in shown


def test_each_lock_holds_only_what_it_adds_and_no_address_of_a_registry() -> None:
    texts = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "requirements").glob("*.txt")}
    assert "://" not in "".join(texts.values())
    pins = {name: set(re.findall(r"^(\S+==\S+.*?) \\$", text, re.MULTILINE)) for name, text in texts.items()}
    assert pins["runtime"].isdisjoint(pins["dev"])
    assert any(pin.startswith("duckdb==2.") for pin in pins["duckdb2"])
    assert pins["duckdb2"].isdisjoint(pins["runtime"] | pins["dev"])


def test_make_help_lists_each_target_once_with_the_daily_ones_first() -> None:
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    daily, rest = (re.findall(r"^  make ([a-z-]+) +\S", part, re.MULTILINE) for part in shown.split("\n\n"))
    assert daily[:2] == ["build", "diff"]
    assert shown.startswith("Every day:\n")
    assert "\nThe rest:\n" in shown
    listed = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted([*daily, *rest]) == sorted(listed)
    assert len(daily) < len(rest)


def test_the_list_of_what_looks_further_is_that_of_the_markers() -> None:
    page = (ROOT / "docs" / "decisions" / "0015-continuous-integration.md").read_text(encoding="utf-8")
    section = page.split("\n## What looks further\n")[1].split("\n## ")[0]
    modules = sorted((ROOT / "tests" / "python").glob("test_*.py"))
    marked = [path.name for path in modules if re.search(r"\bmark\.further\b", path.read_text(encoding="utf-8"))]
    assert re.findall(r"^\| `(test_\w+\.py)`", section, re.MULTILINE) == marked


# The container of the nightly


def instructions(name: str) -> list[str]:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    return re.findall(rf"^{name} (.+)$", text, re.MULTILINE)


def test_the_container_runs_what_the_nightly_runs() -> None:
    (path,) = (path for path in FILES if path.stem == "nightly")
    commands = [step["run"] for step in workflow(path)["jobs"]["nightly"]["steps"] if "run" in step]
    (command,) = instructions("CMD")
    make, *names = json.loads(command)
    assert [f"{make} {name}" for name in names] == commands


def test_the_container_installs_from_files_that_are_there() -> None:
    sources = [source for copied in instructions("COPY") for source in copied.split()[1:-1]]
    assert "requirements" in sources
    assert [source for source in sources if not (ROOT / source).exists()] == []
    (made,) = (command for command in instructions("RUN") if command.startswith("make "))
    asked = subprocess.run(["make", "--dry-run", *made.split()[1:]], cwd=ROOT, capture_output=True, check=False)
    assert asked.returncode == 0


def test_what_git_ignores_gets_into_no_image() -> None:
    patterns = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    wanted = {
        pattern.rstrip("/").removeprefix("/").replace("!/", "!")
        if "/" in pattern.rstrip("/")
        else f"**/{pattern.rstrip('/')}"
        for pattern in patterns
    }
    assert wanted - {*(ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()} == set()
