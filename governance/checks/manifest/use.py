"""Checks that nothing lies unused. `config: meta: kept_for` in a page says why something stays all the same."""

from typing import Any

from dbt_bouncer.check_framework.decorator import check, fail

READERS = ("model.", "snapshot.", "exposure.", "function.")


@check
def check_model_is_used(model: Any, ctx: Any) -> None:
    """A model is read by another model, a function or a consumer."""
    _fail_unless_read(model, model.name, ctx)


@check
def check_seed_is_used(seed: Any, ctx: Any) -> None:
    """A seed is read by a model."""
    _fail_unless_read(seed, seed.name, ctx)


@check
def check_source_is_used(source: Any, ctx: Any) -> None:
    """A source's table is read by a model."""
    _fail_unless_read(source, f"{source.source_name}.{source.name}", ctx)


@check
def check_macro_is_called(macro: Any, ctx: Any) -> None:
    """A macro is called by something of the project; `duckdb__x` is the adapter's `x`, which dbt itself calls."""
    manifest = ctx.manifest_obj.manifest
    if macro.name.startswith(f"{manifest.metadata.adapter_type}__"):
        return
    callers = [*manifest.nodes.values(), *manifest.macros.values(), *(manifest.functions or {}).values()]
    others = [caller for caller in callers if caller.unique_id != macro.unique_id]
    if not any(macro.unique_id in caller.depends_on.macros for caller in others):
        fail(f"nothing calls `{macro.name}`.")


def _fail_unless_read(node: Any, name: str, ctx: Any) -> None:
    readers = [one for one in ctx.manifest_obj.manifest.child_map.get(node.unique_id, []) if one.startswith(READERS)]
    if not readers and not (node.config.meta or {}).get("kept_for"):
        fail(f"nothing reads `{name}`.")
