"""Checks of the columns that the database has."""

from typing import Any

from dbt_bouncer.check_framework.decorator import check, fail


@check
def check_page_names_real_columns(catalog_node: Any, ctx: Any) -> None:
    """A model's page names only columns that the model makes."""
    model = ctx.models_by_unique_id.get(catalog_node.unique_id)
    real = {column.lower() for column in catalog_node.columns}
    unreal = [column for column in (model.columns if model else {}) if column.lower() not in real]
    if unreal:
        fail(f"`{model.name}` has no column {', '.join(unreal)}.")
