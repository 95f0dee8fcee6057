"""dbt where paths, settings and seeds are odd, and what an edit makes anew, on a small project with our macros."""

import os
import shutil
from contextlib import chdir, redirect_stdout
from io import StringIO

import pytest
from dbt.cli.main import dbtRunnerResult
from warehouse import PROJECT, Warehouse

ODD = "o'brien [1] * #% tags=v3 é"
LOOKS_LIKE_IT = "o'brien 1 xx #% tags=v3 é"
"""What the odd name matches as a pattern."""
FILES = {
    "macros/sub/x.sql": "{% macro x() %}1{% endmacro %}\n",
    "models/rows.sql": """\
select _id, {{ x() }} as x, {{ is_incremental() }} as is_added, '' as hooked from {{ source('raw', 'palettes') }}
where _op = 'upsert'
""",
    "models/rows.yml": """\
models:
  - name: rows
    config: {materialized: incremental, post_hook: "update {{ this }} set hooked = 'once'"}
sources:
  - name: raw
    schema: raw
    tables:
      - name: palettes
        columns: [{name: _id, data_type: varchar}, {name: _op, data_type: varchar}]
""",
    "seeds/words.yml": "seeds:\n  - {name: words, config: {column_types: {tag: varchar, note: varchar}}}\n",
    "seeds/words.csv": "tag,note\n'tis,an old word\nit's,\n",
}


class SmallProject(Warehouse):
    """The small project; what may be empty among its settings is."""

    def settings(self) -> dict[str, str]:
        """Return the settings that dbt is given."""
        names = ("DUCKDB_PATH", "DBT_TARGET_PATH", "DUCKDB_MEMORY_LIMIT", "DUCKDB_THREADS")
        return super().settings() | {name: os.environ.get(name, "") for name in names}

    def dbt(self, *arguments: str) -> dbtRunnerResult:
        """Run a dbt command in the project's folder."""
        with chdir(self.project):
            return super().dbt(*arguments)

    def fails(self, *arguments: str) -> str:
        """Run a dbt command that has to fail, and return what a user reads."""
        with redirect_stdout(StringIO()) as output:
            result = self.dbt(*arguments)
        assert not result.success
        return output.getvalue()


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    """The small project as it was built, in a folder with an odd name, as its raw zone is."""
    directory = tmp_path_factory.mktemp("edges")
    project = directory / ODD / "project"
    shutil.copytree(PROJECT / "macros", project / "macros")
    for name in ("dbt_project.yml", "profiles.yml"):
        shutil.copy(PROJECT / name, project)
    for name, text in FILES.items():
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text(text, encoding="utf-8")
    warehouse = SmallProject(directory, project)
    warehouse.raw_dir = directory / LOOKS_LIKE_IT / "_id=x"
    warehouse.land_documents("palettes", ['{"_id":"wrong","_creationTime":1}'])
    warehouse.raw_dir = directory / ODD / "_id=x"
    warehouse.land_documents("palettes", ['{"_id":"a","_creationTime":1}'])
    warehouse.database = project / "data" / "build.duckdb"
    warehouse.database.parent.mkdir()
    warehouse.run("build")
    return warehouse


def edit(warehouse: Warehouse, name: str, old: str, new: str) -> None:
    path = warehouse.project / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_odd_names_of_folders_and_files_change_nothing(small: SmallProject) -> None:
    assert small.rows("select * exclude is_added from rows") == [("a", 1, "once")]
    assert small.rows("from words") == [("'tis", "an old word"), ("it's", None)]


def test_an_edit_of_a_macro_in_a_folder_of_a_hook_and_of_a_seeds_columns_makes_the_tables_anew(
    small: SmallProject,
) -> None:
    small.run("build")
    assert small.rows("select x, is_added, hooked from rows order by all") == [(1, False, "once"), (1, True, "once")]
    edit(small, "macros/sub/x.sql", "1", "2")
    edit(small, "seeds/words.yml", "note: varchar", "number: integer")
    edit(small, "seeds/words.csv", "tag,note\n'tis,an old word\nit's,\n", "number,tag\n7,'tis\n")
    small.run("build")
    assert small.rows("select x, is_added, hooked from rows") == [(2, False, "once")]
    assert small.rows("from words") == [(7, "'tis")]
    edit(small, "models/rows.yml", "'once'", "'twice'")
    small.run("build")
    assert small.rows("select x, is_added, hooked from rows") == [(2, False, "twice")]


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        ("DUCKDB_MEMORY_LIMIT", "lots", "DUCKDB_MEMORY_LIMIT=lots: write a number and a unit, MB, GB or TB, as 2500MB"),
        ("DUCKDB_THREADS", "many", "DUCKDB_THREADS=many: write a whole number from 1 to 1024"),
    ],
)
def test_dbt_names_the_setting_that_is_wrong(
    small: SmallProject, monkeypatch: pytest.MonkeyPatch, setting: str, value: str, told: str
) -> None:
    before = small.database.read_bytes()
    monkeypatch.setenv(setting, value)
    assert told in small.fails("seed")
    assert small.database.read_bytes() == before


def test_a_file_of_the_raw_zone_that_is_gone_is_named(small: SmallProject) -> None:
    file = next(small.raw_dir.glob("*/palettes.parquet"))
    file.rename(small.directory / "elsewhere")
    said = small.fails("seed")
    (small.directory / "elsewhere").rename(file)
    assert f"{file} is gone, and the run's run.json names it: put it back, or delete" in said


@pytest.mark.parametrize("content", ['{"run_id": "2030', '{"run_id": "20300101T000000Z-0123456789ab"}'])
def test_a_run_that_is_not_whole_is_named(small: SmallProject, content: str) -> None:
    file = next(small.raw_dir.glob("*/run.json"))
    before = file.read_bytes()
    file.write_text(content)
    said = small.fails("seed")
    file.write_bytes(before)
    assert f"{file} is no whole run.json: put it back, or delete the folder of this run" in said


def test_a_database_that_cannot_be_built_is_refused_before_dbt_connects(
    small: SmallProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DUCKDB_PATH", str(small.directory / "main.duckdb"))
    with pytest.raises(AssertionError, match=r"main.duckdb: DuckDB, or this project, has another use for the name"):
        small.run("seed")
    assert not (small.directory / "main.duckdb").exists()


def test_a_raw_zone_without_runs_is_told_once(small: SmallProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small, "raw_dir", small.directory / "nowhere")
    with redirect_stdout(StringIO()) as output:
        small.run("seed")
    assert output.getvalue().startswith(f"There is no run in {small.raw_dir}: all tables are taken as empty.")
