"""What dbt's next engine refuses. dbt 1 holds only projects of other databases to these schemas."""

import json
from importlib.resources import files
from pathlib import Path

import pytest
import yaml
from jsonschema.validators import validator_for
from warehouse import PROJECT

pytestmark = pytest.mark.further

SCHEMAS = files("dbt.jsonschemas")
PAGES = sorted(
    path for folder in ("functions", "macros", "models", "seeds", "tests") for path in (PROJECT / folder).rglob("*.yml")
)


def differences(path: Path, schema: str) -> list[str]:
    rules = json.loads(SCHEMAS.joinpath(schema).read_text(encoding="utf-8"))
    page = yaml.safe_load(path.read_text(encoding="utf-8"))
    return [f"{error.json_path}: {error.message}" for error in validator_for(rules)(rules).iter_errors(page)]


def test_the_project_file_holds_what_the_next_engine_reads() -> None:
    assert differences(PROJECT / "dbt_project.yml", "project/0.0.110.json") == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_page_holds_what_the_next_engine_reads(path: Path) -> None:
    assert differences(path, "resources/latest.json") == []


def test_all_models_are_sql() -> None:
    assert list((PROJECT / "models").rglob("*.py")) == []
