"""Which tables are followed: those that the dbt sources declare, or those that `--only` and `--skip` leave."""

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import yaml

from common.errors import CommandError
from common.settings import PUBLISHED_TABLES
from convex.tables import TableName

SKIPPED_BY_DEFAULT = {*PUBLISHED_TABLES, "_storage"}
"""Tables that land only when `--only` names them: those that this project writes, and one of files, not documents."""


@dataclass(frozen=True)
class Selection:
    """Names as files have them. `only` goes before `declared`; where both are empty, every table lands."""

    only: Collection[str] = ()
    skip: Collection[str] = ()
    declared: Collection[str] = ()

    def takes(self, name: TableName) -> bool:
        """Tell whether the table lands."""
        if self.only:
            return str(name) in self.only and str(name) not in self.skip
        if str(name) in self.skip or name.table in SKIPPED_BY_DEFAULT:
            return False
        return not self.declared or str(name) in self.declared

    def names(self) -> list[TableName]:
        """Return the tables that `only`, or else `declared`, names. Raises CommandError if one can't be a table's."""
        names = []
        for text in sorted({*(self.only or self.declared)}):
            try:
                name = TableName.parse(text)
            except ValueError as error:
                raise CommandError(f"{error}: write TABLE, or COMPONENT.TABLE") from None
            if self.takes(name):
                names.append(name)
        if not names:
            raise CommandError("no table is selected: see --only and --skip")
        return names


def declared_tables() -> list[str]:
    """Return the tables that the sources of the dbt project declare, here or in `DBT_PROJECT_DIR`.

    Sources whose `meta` has `written_by: extract` hold what the extractor says itself. Raises CommandError.
    """
    root = Path(os.environ.get("DBT_PROJECT_DIR") or ".")
    tables = []
    for path in sorted(root.glob("models/**/*.yml")):
        try:
            text = path.read_text(encoding="utf-8")
            if "sources:" not in text:
                continue
            content = yaml.safe_load(text) or {}
            sources = [source for source in content.get("sources") or [] if source["name"] == "raw"]
            tables += [t for source in sources for t in source["tables"]]
        except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
            raise CommandError(f"the sources in {path} can't be read: {str(error).splitlines()[0]}") from None
    names = [t["name"] for t in tables if "written_by" not in ((t.get("config") or {}).get("meta") or {})]
    if not names:
        raise CommandError(
            f"no dbt sources are declared under {root / 'models'}: start in the project's folder, or give --only TABLE"
        )
    return names
