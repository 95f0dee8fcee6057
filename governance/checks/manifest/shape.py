"""Checks of names, configuration and code."""

import re
from pathlib import Path
from typing import Any

import yaml
from dbt_bouncer.check_framework.decorator import check, fail

WORDS_OF_A_SENTENCE = 4
AGGREGATED_LIST = re.compile(r"(\blist_sort\(\s*)?\b(?:list|array_agg|string_agg|listagg|group_concat)\(")


@check
def check_unit_test_is_named_as_a_sentence(unit_test: Any) -> None:
    """A unit test's name says the rule that it shows."""
    _fail_for_a_short_name(unit_test.name)


@check
def check_singular_test_is_named_as_a_sentence(test: Any) -> None:
    """The name of a singular test says what always holds; generic tests get theirs from dbt."""
    if not getattr(test, "test_metadata", None):
        _fail_for_a_short_name(test.name)


@check
def check_function_reads_no_staging_model(ctx: Any) -> None:
    """A function reads marts or intermediate models, which go out with it in the published file."""
    manifest = ctx.manifest_obj.manifest
    wrong = [
        f"`{function.name}` reads `{node.rpartition('.')[2]}`"
        for function in (manifest.functions or {}).values()
        for node in function.depends_on.nodes
        if node not in ctx.models_by_unique_id or _layer(ctx.models_by_unique_id[node]) not in ("intermediate", "marts")
    ]
    if wrong:
        fail(f"{'; '.join(wrong)}.")


@check
def check_model_config_differs_from_its_folder(model: Any, ctx: Any) -> None:
    """What a model's page sets isn't what its folder sets in `dbt_project.yml` anyway."""
    page = (model.patch_path or "").partition("://")[2]
    text = Path(page).read_text(encoding="utf-8") if Path(page).is_file() else ""
    if "config:" not in text:
        return
    entries = yaml.safe_load(text)["models"]
    own = next((entry.get("config") or {} for entry in entries if entry["name"] == model.name), {})
    folder = _folder_config(model.fqn, ctx.manifest_obj.manifest.metadata.project_name)
    same = [key for key, value in own.items() if key in folder and folder[key] == value]
    if same:
        fail(f"`{model.name}` sets {', '.join(same)} as its folder does.")


@check
def check_lists_are_ordered(model: Any) -> None:
    """A list that is aggregated has an `order by`, or is sorted at once."""
    for found in AGGREGATED_LIST.finditer(model.raw_code):
        inside = _inside(model.raw_code, found.end())
        if not found[1] and not re.search(r"\border\s+by\b", inside):
            fail(f"`{model.name}` has a list without an order: {found[0]}{inside}).")


def _layer(model: Any) -> str:
    return model.fqn[1]


def _fail_for_a_short_name(name: str) -> None:
    if len(name.split("_")) < WORDS_OF_A_SENTENCE:
        fail(f"`{name}` is no sentence.")


def _folder_config(fqn: Any, project: str) -> dict[str, Any]:
    """Return what `dbt_project.yml` sets for the folders of a model, the deepest last."""
    level = yaml.safe_load(Path("dbt_project.yml").read_text(encoding="utf-8")).get("models", {})
    found: dict[str, Any] = {}
    for folder in [project, *fqn[1:-1]]:
        level = level.get(folder) or {}
        found |= {key.lstrip("+"): value for key, value in level.items() if key.startswith("+")}
    return found


def _inside(code: str, start: int) -> str:
    """Return what stands between a parenthesis that was opened before `start` and the one that closes it."""
    depth = 1
    for end in range(start, len(code)):
        depth += {"(": 1, ")": -1}.get(code[end], 0)
        if depth == 0:
            return code[start:end]
    return code[start:]
