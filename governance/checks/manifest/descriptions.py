"""Checks that everything is described, each thing on its own page."""

import re
from collections import defaultdict
from pathlib import PurePosixPath
from typing import Any

from dbt_bouncer.check_framework.decorator import check, fail
from jinja2 import Environment, nodes

SIGNATURE = re.compile(r"\s*\{%-?\s*(?:macro|test)\s+(\w+\s*\(.*?\))\s*-?%\}", re.DOTALL)


@check
def check_model_page_is_beside_it(model: Any) -> None:
    """`x.yml` beside `x.sql` describes the model, and no other file does."""
    page = PurePosixPath(model.original_file_path).with_suffix(".yml")
    if (model.patch_path or "").partition("://")[2] != str(page):
        fail(f"`{model.name}` is not described in {page}.")


@check
def check_seed_description_begins_with_grain(seed: Any) -> None:
    """A seed's description says first what a row is."""
    if not re.match(r"One row per \S", seed.description or ""):
        fail(f"the description of `{seed.name}` is “{seed.description}”.")


@check
def check_seed_column_descriptions(seed: Any) -> None:
    """Every column of a seed is described."""
    _fail_for(seed.name, _undescribed(seed.columns))


@check
def check_source_column_descriptions(source: Any) -> None:
    """Every column of a source's table is described."""
    _fail_for(f"{source.source_name}.{source.name}", _undescribed(source.columns))


@check
def check_macro_argument_descriptions(macro: Any) -> None:
    """The arguments that a macro takes are the ones its page describes."""
    signature = SIGNATURE.match(macro.macro_sql)
    if signature is None:
        fail(f"`{macro.name}`: its first line isn't understood.")
    defined = Environment(autoescape=True).parse(f"{{% macro {signature[1]} %}}{{% endmacro %}}").body[0]
    assert isinstance(defined, nodes.Macro)  # noqa: S101 - it was written as one in the line above
    taken = [argument.name for argument in defined.args]
    written = [argument.name for argument in macro.arguments or []]
    if taken != written:
        fail(f"`{macro.name}` takes ({', '.join(taken)}), and its properties file says ({', '.join(written)}).")
    _fail_for(macro.name, [one.name for one in macro.arguments or [] if not (one.description or "").strip()])


@check
def check_function_descriptions(ctx: Any) -> None:
    """Every function and each of its arguments is described."""
    missing = []
    for function in _functions(ctx):
        if not function.description.strip():
            missing.append(f"`{function.name}`")
        undescribed = [one.name for one in function.arguments if not (one.description or "").strip()]
        missing += [f"`{argument}` of `{function.name}`" for argument in undescribed]
    if missing:
        fail(f"no description: {', '.join(missing)}.")


@check
def check_shared_descriptions_are_doc_blocks(ctx: Any) -> None:
    """A text that three columns share is written once, as a doc() block."""
    places = defaultdict(list)
    for table in [*ctx.models, *ctx.seeds]:
        for column in (table.columns or {}).values():
            if column.description and not column.doc_blocks:
                places[column.description].append(f"{table.name}.{column.name}")
    shared = [f"“{text}” in {', '.join(found)}" for text, found in places.items() if len(found) > 2]
    if shared:
        fail(f"{'; '.join(shared)}.")


@check
def check_doc_block_is_used(ctx: Any) -> None:
    """Every doc() block of the project is used; dbt itself reads those named `__…__`."""
    manifest = ctx.manifest_obj.manifest
    described = [
        *manifest.nodes.values(), *manifest.sources.values(), *manifest.exposures.values(),
        *manifest.macros.values(), *_functions(ctx),
    ]  # fmt: skip
    used: set[str] = set()
    for one in described:
        used.update(getattr(one, "doc_blocks", None) or [])
        for column in (getattr(one, "columns", None) or {}).values():
            used.update(column.doc_blocks or [])
    own = [block for block in manifest.docs.values() if block.package_name == manifest.metadata.project_name]
    unused = [block.name for block in own if block.unique_id not in used and not block.name.startswith("__")]
    if unused:
        fail(f"nothing says doc('{', '.join(unused)}').")


def _functions(ctx: Any) -> list[Any]:
    return list((ctx.manifest_obj.manifest.functions or {}).values())


def _undescribed(columns: Any) -> list[str]:
    return [name for name, column in (columns or {}).items() if not (column.description or "").strip()]


def _fail_for(name: str, undescribed: list[str]) -> None:
    if undescribed:
        fail(f"`{name}` doesn't describe {', '.join(undescribed)}.")
