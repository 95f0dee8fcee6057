"""The conventions: each holds in the project, and a small wrong edit breaks those whose check or pattern is ours."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from dbt.cli.main import dbtRunner
from warehouse import PROJECT

from common.errors import CommandError
from governance.artefacts import make_artefacts
from governance.judge import Rule, judge
from governance.report import report

pytestmark = pytest.mark.further


@pytest.fixture(scope="module", autouse=True)
def no_cache_at_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep dbt-bouncer's cache, a file for each set of rules and each folder, out of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="module")
def artefacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("artefacts")
    before = Path.cwd()
    os.chdir(PROJECT)
    try:
        make_artefacts(directory)
    finally:
        os.chdir(before)
    return directory


@pytest.fixture(scope="module")
def told(artefacts: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    manifest, catalog = (json.loads((artefacts / f"{name}.json").read_text()) for name in ("manifest", "catalog"))
    for kind in ("macros", "docs"):  # dbt's own are many, and no rule looks at them
        manifest[kind] = {key: one for key, one in manifest[kind].items() if one["package_name"] == "palette_analytics"}
    return manifest, catalog


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PROJECT)


@pytest.mark.usefixtures("here")
def test_every_rule_holds_in_the_project_and_looks_at_something(artefacts: Path) -> None:
    rules = judge(artefacts)
    assert [rule for rule in rules if rule.breaches] == []
    assert [rule.says for rule in rules if rule.looked_at == 0] == []
    assert [rule.says for rule in rules if not rule.says or not rule.fix] == []


# Wrong edits


class Edited:
    """The manifest and the catalogue of the project, to be edited."""

    def __init__(self, manifest: dict[str, Any], catalog: dict[str, Any]):
        self.manifest = json.loads(json.dumps(manifest))
        self.catalog = json.loads(json.dumps(catalog))

    def node(self, name: str, kind: str = "model") -> dict[str, Any]:
        group = {"model": "nodes", "seed": "nodes", "test": "nodes"}.get(kind, f"{kind}s")
        return self.manifest[group][f"{kind}.palette_analytics.{name}"]

    def made(self, name: str, kind: str = "model") -> dict[str, Any]:
        group = "sources" if kind == "source" else "nodes"
        return self.catalog[group][f"{kind}.palette_analytics.{name}"]["columns"]

    def retype(self, table: str, column: str, data_type: str) -> None:
        self.made(table)[column]["type"] = data_type

    def reads(self, name: str, node: str, kind: str = "model") -> None:
        self.node(name, kind)["depends_on"]["nodes"].append(node.replace(".", ".palette_analytics.", 1))

    def replace(self, name: str, old: str, new: str) -> None:
        code = self.node(name)["raw_code"]
        assert old in code
        self.node(name)["raw_code"] = code.replace(old, new, 1)

    def forget_readers(self, name: str, kind: str = "model") -> None:
        child_map = self.manifest["child_map"]
        key = f"{kind}.palette_analytics.{name}"
        child_map[key] = [child for child in child_map[key] if child.startswith("test.")]

    def untest(self, name: str) -> None:
        nodes = self.manifest["nodes"]
        for key in [key for key in nodes if key.startswith(f"test.palette_analytics.unique_combination_{name}_")]:
            del nodes[key]

    def share_a_text(self) -> None:
        for table in ("tag_totals", "tag_values", "answers"):
            column = next(iter(self.node(table)["columns"].values()))
            column |= {"description": "The same again.", "doc_blocks": []}

    def add_macro(self) -> None:
        macro = {
            **self.node("max_tag_length", "macro"),
            "name": "forgotten",
            "unique_id": "macro.palette_analytics.forgotten",
        }
        self.manifest["macros"][macro["unique_id"]] = macro

    def add_doc_block(self) -> None:
        block = {**self.node("tag", "doc"), "name": "forgotten", "unique_id": "doc.palette_analytics.forgotten"}
        self.manifest["docs"][block["unique_id"]] = block


@dataclass(frozen=True)
class Edit:
    """A wrong edit: the rule that it breaks, how it is made, and what the message has to name."""

    rule: str
    make: Callable[[Edited], object]
    names: str


EMPTY = {"description": ""}
EDITS = [
    Edit("An intermediate model is named", lambda e: e.node("int_tags").update(name="tags"), "int_tags"),
    Edit("A mart has a bare noun", lambda e: e.node("tag_totals").update(name="fct_tag_totals"), "tag_totals"),
    Edit(
        "A unit test's name is a sentence",
        lambda e: next(iter(e.manifest["unit_tests"].values())).update(name="ties"),
        "ties",
    ),
    Edit(
        "A singular test's name is a sentence",
        lambda e: e.node("every_value_said_is_in_tag_values", "test").update(name="sums"),
        "sums",
    ),
    Edit("Only staging reads sources", lambda e: e.reads("tag_totals", "source.raw.palettes"), "tag_totals"),
    Edit("An intermediate model reads staging", lambda e: e.reads("int_tags", "model.tag_totals"), "tag_totals"),
    Edit(
        "A function reads marts or intermediate models",
        lambda e: e.reads("top_tags", "model.stg_convex__palettes", "function"),
        "`top_tags` reads `stg_convex__palettes`",
    ),
    Edit(
        "Each model has a properties file of its own",
        lambda e: e.node("tag_totals").update(patch_path="palette_analytics://models/marts/schema.yml"),
        "models/marts/frequency/tag_totals.yml",
    ),
    Edit(
        "A model's description begins with its grain",
        lambda e: e.node("tag_totals").update(description="All the tags."),
        "All the tags.",
    ),
    Edit(
        "A seed's description begins with its grain",
        lambda e: e.node("synonyms", "seed").update(description="Synonyms."),
        "`synonyms` is “Synonyms.”",
    ),
    Edit(
        "Every column of a seed is described",
        lambda e: e.node("synonyms", "seed")["columns"]["note"].update(EMPTY),
        "note",
    ),
    Edit(
        "Every column of a source is described",
        lambda e: e.node("raw.palettes", "source")["columns"]["_seq"].update(EMPTY),
        "_seq",
    ),
    Edit(
        "Every argument of a macro or generic test is described",
        lambda e: e.node("test_between", "macro")["arguments"].pop(),
        "takes (model, column_name, minimum, maximum), and its properties file says (model, column_name, minimum)",
    ),
    Edit(
        "Every argument of a macro or generic test is described",
        lambda e: e.node("typed_fields", "macro")["arguments"][1].update(EMPTY),
        "`typed_fields` doesn't describe fields",
    ),
    Edit(
        "Every function and each of its arguments is described",
        lambda e: e.node("top_tags", "function")["arguments"][2].update(EMPTY),
        "`n` of `top_tags`",
    ),
    Edit("A text that three columns share", Edited.share_a_text, "The same again."),
    Edit(
        "A public model has an enforced contract",
        lambda e: e.node("tag_totals")["contract"].update(enforced=False),
        "tag_totals",
    ),
    Edit("The grain of a mart is tested", lambda e: e.untest("tag_totals"), "tag_totals"),
    Edit(
        "The same documents give the same tables",
        lambda e: e.replace("attribute_consensus", "select", "select\n    any_value(tag) as example,"),
        "attribute_consensus",
    ),
    Edit(
        "The same documents give the same tables",
        lambda e: e.replace("attribute_consensus", "select", "select\n    current_timestamp as made_at,"),
        "attribute_consensus",
    ),
    Edit(
        "A list has an order",
        lambda e: e.replace("int_unmapped_tags", " order by answers.palette_seed asc nulls last", ""),
        "list(distinct answers.palette_seed)",
    ),
    Edit("No unused model", lambda e: e.forget_readers("int_tags"), "int_tags"),
    Edit("No unused seed", lambda e: e.forget_readers("synonyms", "seed"), "synonyms"),
    Edit("No unused source", lambda e: e.forget_readers("raw.palettes", "source"), "raw.palettes"),
    Edit("No unused macro", Edited.add_macro, "forgotten"),
    Edit("No unused doc() block", Edited.add_doc_block, "forgotten"),
    Edit(
        "A properties file names only columns that the model makes",
        lambda e: e.made("int_tags").pop("tag_class"),
        "tag_class",
    ),
    Edit("A column named …_at is a timestamp", lambda e: e.retype("palettes", "created_at", "VARCHAR"), "created_at"),
]
IN_FILES = "A model's properties file sets only what differs from its folder."  # read from the file, tested below


def broken_by(edit: Edit, told: tuple[dict[str, Any], dict[str, Any]], directory: Path) -> list[Rule]:
    edited = Edited(*told)
    edit.make(edited)
    (directory / "manifest.json").write_text(json.dumps(edited.manifest))
    (directory / "catalog.json").write_text(json.dumps(edited.catalog))
    return [rule for rule in judge(directory) if rule.breaches]


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: f"{edit.rule} ({edit.names})")
def test_a_wrong_edit_breaks_its_rule_and_no_other(
    edit: Edit, told: tuple[dict[str, Any], dict[str, Any]], tmp_path: Path
) -> None:
    broken = broken_by(edit, told, tmp_path)
    (rule,) = [rule for rule in broken if rule.says.startswith(edit.rule)]
    assert {one.says for one in broken} == {rule.says}
    assert any(edit.names in breach.problem for breach in rule.breaches)
    assert f"To fix: {rule.fix}" in report(broken)


@pytest.mark.parametrize(
    "code",
    [
        "-- what is counted now, today and at random\nselect tag from {{ ref('int_tags') }}",
        "select list_sort(list(tag)) as tags, list(tag order by tag) as ordered from {{ ref('int_tags') }}",
        "select last_updated_now, my_list(tag) from {{ ref('int_tags') }}",
    ],
)
@pytest.mark.usefixtures("here")
def test_words_that_look_like_a_breach_are_none(
    code: str, told: tuple[dict[str, Any], dict[str, Any]], tmp_path: Path
) -> None:
    edit = Edit("None", lambda edited: edited.node("int_tags").update(raw_code=code), "")
    assert broken_by(edit, told, tmp_path) == []


def test_edits_of_files_are_seen_and_told_with_the_file(
    artefacts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "project"
    kept_out = shutil.ignore_patterns("python", "convex_*", "contract", "__pycache__")
    for name in ("models", "macros", "functions", "seeds", "tests", "governance"):
        shutil.copytree(PROJECT / name, project / name, ignore=kept_out)
    for name in ("dbt_project.yml", "profiles.yml", "dbt-bouncer.yml"):
        shutil.copy(PROJECT / name, project / name)
    frequency = project / "models" / "marts" / "frequency"
    (frequency / "raw_palettes.sql").write_text("select _id from {{ source('raw', 'palettes') }}\n")
    (frequency / "raw_palettes.yml").write_text(
        "version: 2\nmodels:\n  - name: raw_palettes\n    description: Palettes.\n"
        "    config: {materialized: table}\n    columns: [{name: _id, data_type: varchar, description: The id.}]\n"
    )
    monkeypatch.chdir(project)
    target = tmp_path / "target"
    options = ["--target-path", str(target), "--log-path", str(target), "--project-dir", ".", "--profiles-dir", "."]
    assert dbtRunner().invoke(["--quiet", "parse", *options]).success
    shutil.copy(artefacts / "catalog.json", target)
    broken = {rule.says: rule.breaches for rule in judge(target) if rule.breaches}
    assert broken.keys() == {
        "Only staging reads sources.",
        "A model's description begins with its grain.",
        "The grain of a mart is tested.",
        "Every mart has a consumer.",
        "No unused model.",
        IN_FILES,
    }
    assert {breach.file for breaches in broken.values() for breach in breaches} == {
        "models/marts/frequency/raw_palettes.sql"
    }
    assert broken[IN_FILES][0].problem == "`raw_palettes` sets materialized as its folder does."


# The report


def test_the_report_says_what_is_broken_where_and_how_to_fix_it(
    told: tuple[dict[str, Any], dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(PROJECT)
    edit = next(one for one in EDITS if one.rule == "Only staging reads sources")
    text = report(broken_by(edit, told, tmp_path))
    assert "## Broken: Only staging reads sources." in text
    assert "To fix: have the model ref() the stg_convex__ model of that source" in text
    assert "models/marts/frequency/tag_totals.sql: `tag_totals`" in text


def test_a_project_that_dbt_cannot_build_is_said_to_be_one(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "governance"]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "DBT_TARGET_PATH": str(tmp_path / "target")}
    (tmp_path / "dbt_project.yml").write_text("name: broken\nprofile: none\n")
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "governance: dbt build failed" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.usefixtures("here")
def test_a_rule_that_dbt_bouncer_does_not_know_is_named(
    told: tuple[dict[str, Any], dict[str, Any]], tmp_path: Path
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    shutil.copytree(PROJECT / "governance", project / "governance")
    text = (PROJECT / "dbt-bouncer.yml").read_text(encoding="utf-8")
    (project / "dbt-bouncer.yml").write_text(text.replace("check_seed_names", "check_seed_labels"), encoding="utf-8")
    (tmp_path / "manifest.json").write_text(json.dumps(told[0]))
    (tmp_path / "catalog.json").write_text(json.dumps(told[1]))
    with pytest.raises(CommandError, match="check_seed_labels"):
        judge(tmp_path, project)
