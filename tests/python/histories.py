"""What happens to a project over its days: documents come and go, seeds and models are edited, builds are killed.

After any of it, the tables that a build keeps have to say what they would say if they were made anew.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from warehouse import PROJECT, WITHOUT_TESTS, Warehouse

from common.raw_zone import Source
from convex.tables import TableName
from extract.compact import compact
from extract.documents import DOCUMENT_SCHEMA
from extract.landing import LandingZone

ALL_MODELS = ("build", *WITHOUT_TESTS)
PARTS = ("+int_tag_values", "+int_tag_counts", "+tag_frequencies", "+palette_tag_consensus", "+tag_totals")
"""Each with all that it is made of, as one builds a part while one works on it."""

QUERIES = {
    "int_answers": "select * exclude (answer_key) from int_answers",
    "int_palette_prompts": """
        select * exclude (palette_prompt_key, palette_key, palette_fingerprint)
        from int_palette_prompts
    """,
    "int_counted_answers": """
        select answer_id, versions.palette_seed, versions.prompt_version, bit_count(model_set), bit_length(model_set)
        from int_counted_answers
        inner join int_answers using (answer_key)
        inner join int_palette_prompts as versions using (palette_prompt_key)
    """,
    "int_palette_lists": """
        select * from tag_summaries((select list(distinct palette_seed) from int_palette_prompts))
    """,
    "int_tag_repeats": """
        select palette_seed, prompt_version, tags.attribute, tag, names.attribute, names.canonical_tag, repeats
        from int_tag_repeats
        inner join int_palette_prompts using (palette_prompt_key)
        left join int_tags as tags on int_tag_repeats.tag_key = tags.tag_key
        left join int_canonical_tags as names on int_tag_repeats.canonical_tag_key = names.canonical_tag_key
    """,
}
"""What is compared: each table without its keys, or by what they stand for."""
TELL_OF_BEFORE = (
    "int_canonical_tags",
    "int_model_prompts",
    "int_models",
    "int_tags",
    "int_texts",
)
"""Not compared: texts and names that stay when nobody has them any more, and numbers that were given once."""

VALUES, TEXTS = "models/intermediate/values/int_tag_values.sql", "models/intermediate/values/int_texts.sql"
FREQUENCIES = "models/marts/frequency/tag_frequencies.sql"
EDITS = {
    "a macro": ("macros/clean_tag.sql", "{% macro max_tag_length() %}100", "{% macro max_tag_length() %}9"),
    "what counts": (
        VALUES,
        "texts.is_countable and extra_values",
        "texts.is_countable and answer_values.value_index < 2 and extra_values",
    ),
    "what a text cleans to": (TEXTS, "{{ clean_tag('text') }}", "reverse({{ clean_tag('text') }})"),
    "what is a view": (FREQUENCIES, "counts.answer_count / ", "0.5 * counts.answer_count / "),
}
"""Edits of models, each as a file, what it says, and what it says then."""
BROKEN = ("models/intermediate/counts/int_tag_counts.sql", "tags.name_order asc", "tags.no_such_column asc")
"""An edit with which a build fails half-way."""


@dataclass
class Project:
    """A copy of the project with its raw zone, its database, and the documents as they stand in Convex."""

    directory: Path
    answers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.code = self.directory / 'a "project" 100% #1 [a=b] é'  # dbt takes any path
        names = ("dbt_project.yml", "profiles.yml", "models", "macros", "seeds", "functions")
        for name in names:
            source = PROJECT / name
            copy = shutil.copytree if source.is_dir() else shutil.copy
            self.code.mkdir(parents=True, exist_ok=True)
            copy(source, self.code / name)
        self.kept = Warehouse(self.directory / "kept", self.code)
        self.anew = Warehouse(self.directory / "anew", self.code)
        for warehouse in (self.kept, self.anew):
            warehouse.directory.mkdir()
            warehouse.raw_dir = self.directory / "raw"
        self.zone = LandingZone(self.kept.raw_dir)
        self.seeds = {path: path.read_bytes() for path in sorted((self.code / "seeds").glob("*.csv"))}

    # What happens

    def sync(self, changes: Iterable[tuple[str, str | None]], truncate: bool = False) -> None:
        """Land changes of answers, each an id with the new text or None, as a sync does."""
        source = Source("data_sync", "here")
        with self.zone.new_run(source, None, "incremental", allow_shrink=["palette_tags"]) as run:
            writer = run.open_table(TableName.parse("palette_tags"), "uniform")
            if truncate:
                writer.add_truncate()
                self.answers.clear()
            for name, text in changes:
                place = run.next_sequence(1)
                created = json.loads(text)["_creationTime"] if text else None
                row = {"_id": name, "_creation_time": created, "document": text}
                writer.add_changes(
                    pa.RecordBatch.from_pylist([row], DOCUMENT_SCHEMA),
                    pa.array(["delete" if text is None else "upsert"]),
                    pa.array([place], pa.int64()),
                    pa.array([place], pa.int64()),
                )
                if text is None:
                    self.answers.pop(name, None)
                else:
                    self.answers[name] = text

    def export(self, documents: Mapping[str, str]) -> None:
        """Land a whole export of the answers: what it doesn't hold is gone."""
        self.kept.land_documents("palette_tags", list(documents.values()))
        self.answers = dict(documents)

    def compact(self) -> None:
        """Compact all runs to one."""
        compact(self.zone)

    def lose_first_run(self) -> None:
        """Delete the oldest active run, and those that it replaces, as a person would."""
        first = self.zone.active_runs()[0].run_id
        for run_id in self.zone.run_ids():
            if run_id <= first:
                shutil.rmtree(self.zone.directory / run_id)

    def add_synonym(self, attribute: str, tag: str, canonical_tag: str) -> None:
        """Add a line to the seed, in place of those added before and of the one it has for this tag."""
        path = self.code / "seeds" / "synonyms.csv"
        lines = self.seeds[path].splitlines(keepends=True)
        others = [line for line in lines if not line.startswith(f"{attribute},{tag},".encode())]
        path.write_bytes(b"".join(others) + f"{attribute},{tag},{canonical_tag},\n".encode())

    def forget_synonyms(self) -> None:
        """Put the seed back."""
        for path, content in self.seeds.items():
            path.write_bytes(content)

    def edit(self, name: str) -> None:
        """Edit a model or a macro; an edit that was made is taken back."""
        self._replace(*EDITS[name])

    # Builds

    def build(self, *arguments: str) -> None:
        """Build, as `make build` does but for the tests."""
        self.kept.run(*(arguments or ALL_MODELS))

    def build_in_vain(self) -> None:
        """Build with a model that fails, and fix it."""
        self._replace(*BROKEN)
        assert not self.kept.dbt(*ALL_MODELS).success
        self._replace(*BROKEN)

    def build_and_kill(self, models: int) -> None:
        """Begin to build in another process, and kill that when it has begun so many models, or has ended."""
        settings = {
            "RAW_DIR": str(self.kept.raw_dir),
            "DUCKDB_PATH": str(self.kept.database),
            "DBT_TARGET_PATH": str(self.directory / "killed_target"),
            "DBT_LOG_PATH": str(self.directory / "logs"),
        }
        shutil.copytree(self.kept.target, settings["DBT_TARGET_PATH"], dirs_exist_ok=True)
        log = self.directory / "logs" / "dbt.log"
        before = log.stat().st_size if log.exists() else 0
        command = [str(Path(sys.executable).parent / "dbt"), "--quiet", *ALL_MODELS]
        with subprocess.Popen(command, cwd=self.code, env=os.environ | settings, start_new_session=True) as process:
            while process.poll() is None and _begun(log, before) < models:
                time.sleep(0.02)
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)

    def difference(self) -> dict[str, Any]:
        """Build anew elsewhere, and return what differs, by table: a few rows that one of the two has."""
        self.anew.database.unlink(missing_ok=True)
        self.anew.run(*ALL_MODELS)
        kept, anew = self._state(self.kept), self._state(self.anew)
        return {
            name: {"kept": _beyond(kept[name], anew[name]), "anew": _beyond(anew[name], kept[name])}
            for name in anew
            if kept[name] != anew[name]
        }

    def _state(self, warehouse: Warehouse) -> dict[str, Counter[Any]]:
        """Return the rows of public tables, of others by what their keys stand for, and how many each table has."""
        with duckdb.connect(str(warehouse.database), read_only=True) as connection:
            connection.execute("set search_path = 'main,internal'")
            relations = "select name from (show tables) where not starts_with(name, 'stg_')"
            names = [name for (name,) in connection.execute(relations).fetchall() if name not in TELL_OF_BEFORE]
            public = {name: f"select * from {name}" for name in names if not name.startswith("int_")}
            found: dict[str, Counter[Any]] = {
                name: Counter(map(repr, connection.execute(query).fetchall()))
                for name, query in (public | QUERIES).items()
            }
            for name in names:
                found[f"rows of {name}"] = Counter(connection.execute(f"select count(*) from {name}").fetchone())
        return found

    def _replace(self, file: str, said: str, says: str) -> None:
        path = self.code / file
        text = path.read_text()
        assert said in text or says in text, f"{file} has changed: {said}"
        path.write_text(text.replace(says, said) if says in text else text.replace(said, says))


def _beyond(rows: Counter[Any], others: Counter[Any]) -> list[str]:
    return [str(row)[:300] for row in islice(rows - others, 3)]


def _begun(log: Path, before: int) -> int:
    """Return how many models a build has begun, by what its log says from a place on."""
    if not log.exists() or log.stat().st_size <= before:
        return 0
    with log.open("rb") as file:
        file.seek(before)
        return file.read().count(b"Began running node model")
