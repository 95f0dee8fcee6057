"""The table functions of a published file, on messy answers."""

import json
from collections import defaultdict
from collections.abc import Generator
from dataclasses import replace
from typing import Any

import duckdb
import pytest
from comparison import RULES
from counting_rules import parse_document
from published import BuiltPlace
from warehouse import WITHOUT_TESTS, Warehouse

from common.raw_zone import RawZone
from publish.build import audit, catalog_of
from publish.database import write_database

HOSTILE = "'; drop table palettes; --\"\\\u0000{[😀👩‍👩‍👧 凉"
SEEDS = [HOSTILE, "", "plain", "deleted", "only tagged", "cafe\u0301", "café"]
MOODS: list[Any] = [
    ["calm", "Calm", "serene"],
    ["凉", "😀", "purple'],\n \"temperature", "x" * 101, "__proto__", "NaN", "a\u0000b"],
    "calm, bold",
    [["calm"], {"mood": 1}, None, 3],
]
REFINED = [
    ("plain", "m", 1, {"mood": ["calm"]}, None),
    (HOSTILE, "m", 1, None, "timeout"),
    ("only tagged", "m'\u0000", 2, {"mood": []}, None),
    ("café", "m", 1, {}, None),
    ("cafe\u0301", "m", 1, {"mood": ["calm"]}, "cut off"),
]


def answers() -> list[str]:
    """Give every palette a few answers under three prompts: not all count, and the last palette has fewer."""
    made = []
    for number in range(84):
        tags: Any = {
            "mood": MOODS[number % 4],
            "temperature": ["warm", ["凉", "warm", "凉"]][number % 2],
            "style": [HOSTILE],
        }
        if number % 9 == 0:
            tags = None
        seed = SEEDS[number % 7] if number % 5 else SEEDS[number % 3]
        fields = {"_id": f"a{number}", "seed": seed, "promptVersion": f"v{number % 3}", "model": f"m{number % 4}"}
        made.append(json.dumps({**fields, "provider": "p", "tags": tags}, ensure_ascii=False))
    return made


DOCUMENTS = answers()


@pytest.fixture(scope="module")
def published(messy: BuiltPlace, tmp_path_factory: pytest.TempPathFactory) -> Generator[duckdb.DuckDBPyConnection]:
    """Build of these answers, publish, and open what is published for reading."""
    warehouse = Warehouse(tmp_path_factory.mktemp("queries"))
    warehouse.land_documents("palette_tags", DOCUMENTS)
    palettes = [json.dumps({"_id": f"p{n}", "seed": seed}) for n, seed in enumerate(SEEDS) if seed != "only tagged"]
    warehouse.land_documents("palettes", palettes)
    warehouse.land_documents("palettes", [palette for palette in palettes if "deleted" not in palette])
    fields = ("seed", "model", "cycle", "tags", "error")
    refined = [{"_id": f"r{n}", **dict(zip(fields, row, strict=True))} for n, row in enumerate(REFINED)]
    warehouse.land_documents("palette_tag_refined", [json.dumps(one) for one in refined])
    warehouse.run("build", *WITHOUT_TESTS)
    build = audit(messy.target, messy.database, RawZone(messy.raw_dir))
    build = replace(build, database=warehouse.database, catalog=catalog_of(warehouse.database))
    path = warehouse.directory / "published.duckdb"
    write_database(build, path, None, lambda _: None)
    with duckdb.connect(str(path), read_only=True) as connection:
        yield connection


def rows(connection: duckdb.DuckDBPyConnection, query: str, *values: Any) -> list[dict[str, Any]]:
    cursor = connection.execute(query, list(values))
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def candidates_by_the_rules(model: str, cycle: int, versions: list[str] | None) -> list[tuple[str, int, list[str]]]:
    counted: dict[str, list[str]] = defaultdict(list)
    done = {seed for seed, m, c, tags, error in REFINED if (m, c) == (model, cycle) and tags and error is None}
    for document in map(parse_document, DOCUMENTS):
        wanted = versions is None or document.prompt_version in versions
        if document.status == "success" and wanted and document.seed not in {"deleted", *done}:
            counted[str(document.seed)].append(str(document.prompt_version))
    found = [(seed, len(said), sorted(set(said))) for seed, said in counted.items()]
    return sorted(found, key=lambda one: (-one[1], one[0].encode()))


@pytest.mark.parametrize("versions", [None, ["v0"], ["v0", "v2", "v2", None], ["unknown"], []])
@pytest.mark.parametrize(("model", "cycle"), [("m", 1), ("m", 2), ("m'\u0000", 2), ("unknown", 1)])
def test_candidates_are_those_that_this_model_has_not_refined_in_this_cycle(
    published: duckdb.DuckDBPyConnection, model: str, cycle: int, versions: list[str] | None
) -> None:
    query = "from refinement_candidates(?, ?, prompt_versions := ?)"
    found = [
        (row["palette_seed"], row["success_count"], row["prompt_versions"])
        for row in rows(published, query, model, cycle, versions)
    ]
    assert found == candidates_by_the_rules(model, cycle, versions)
    assert found or versions in ([], ["unknown"])


def test_candidates_are_cut_after_the_first(published: duckdb.DuckDBPyConnection) -> None:
    everyone = rows(published, "from refinement_candidates('x', 1)")
    assert len(everyone) == 6
    for number in (0, 1, 3, 100):
        assert rows(published, "from refinement_candidates('x', 1, max_rows := ?)", number) == everyone[:number]
    assert {row["palette_seed"]: row["palette_id"] for row in everyone}["only tagged"] is None
    assert rows(published, "from refinement_candidates(null, 1)") == []
    assert rows(published, "from refinement_candidates('x', null)") == []


def summaries_by_the_rules(seeds: list[str | None], versions: list[str] | None) -> list[dict[str, Any]]:
    merged: dict[str, dict[str, Any]] = {}
    for (seed, version), row in sorted(RULES.consensus(DOCUMENTS).items()):
        if seed in seeds and (versions is None or version in versions):
            summary = merged.setdefault(seed, {"promptVersions": [], "totalModels": 0, "lists": defaultdict(int)})
            summary["promptVersions"].append(version)
            summary["totalModels"] += row["totalModels"]
            for part in ("categorical", "tags"):
                for attribute, entries in row[part].items():
                    for entry in entries:
                        summary["lists"][part, attribute, entry["key"]] += entry["value"]
    made = []
    for seed, summary in sorted(merged.items(), key=lambda item: item[0].encode()):
        lists = summary.pop("lists")
        shaped = {
            part: {
                name: sorted(
                    ({"key": k, "value": v} for (p, a, k), v in lists.items() if (p, a) == (part, name)),
                    key=lambda entry: (-entry["value"], entry["key"].encode()),
                )
                for name in RULES.seeds.of_kind(kind)
            }
            for part, kind in (("categorical", "categorical"), ("tags", "list"))
        }
        made.append({"seed": seed, **summary, **shaped})
    return made


@pytest.mark.parametrize("versions", [None, ["v1"], ["v0", "v2", "v2", None], ["unknown"], []])
@pytest.mark.parametrize("seeds", [SEEDS, [HOSTILE], ["plain", None, "plain", "unknown"], ["unknown"], []])
def test_summaries_are_the_consensus_merged_over_prompt_versions(
    published: duckdb.DuckDBPyConnection, seeds: list[str | None], versions: list[str] | None
) -> None:
    found = rows(published, 'select * exclude "updatedAt" from tag_summaries(?, prompt_versions := ?)', seeds, versions)
    assert found == summaries_by_the_rules(seeds, versions)


def test_summaries_have_the_types_of_the_consensus(published: duckdb.DuckDBPyConnection) -> None:
    shared = ("seed", "totalModels", "categorical", "tags", "updatedAt")
    types = [
        {row["column_name"]: row["column_type"] for row in rows(published, f"describe from {relation}")}
        for relation in ("tag_summaries(['plain'])", "palette_tag_consensus")
    ]
    assert [types[0][name] for name in shared] == [types[1][name] for name in shared]


def test_summaries_of_no_list_are_none_and_a_query_can_give_the_list(published: duckdb.DuckDBPyConnection) -> None:
    assert rows(published, "from tag_summaries(null)") == []
    asked = rows(published, "select seed from tag_summaries((select list(palette_seed) from palettes))")
    assert asked == [{"seed": seed} for seed in sorted(SEEDS, key=str.encode)]


@pytest.mark.parametrize("n", [0, 1, 7, 1000])
@pytest.mark.parametrize("version", [None, "v1", "unknown"])
@pytest.mark.parametrize("attribute", [None, "mood", HOSTILE])
def test_top_tags_are_the_first_of_the_totals(
    published: duckdb.DuckDBPyConnection, attribute: str | None, version: str | None, n: int
) -> None:
    found = rows(published, "from top_tags(attribute := ?, prompt_version := ?, n := ?)", attribute, version, n)
    expected = [
        (-row["answer_count"], name.encode(), tag.encode(), row["occurrences"], row["model_count"])
        for (of, name, tag), row in RULES.totals(DOCUMENTS).items()
        if of == version and attribute in (None, name)
    ]
    assert [
        (-r["answer_count"], r["attribute"].encode(), r["tag"].encode(), r["occurrences"], r["model_count"])
        for r in found
    ] == sorted(expected)[:n]
    assert {row["prompt_version"] for row in found} <= {version}


def test_top_tags_are_a_hundred_of_all_unless_asked_otherwise(published: duckdb.DuckDBPyConnection) -> None:
    asked = rows(published, "from top_tags(null, null, 100)")
    assert asked
    assert rows(published, "from top_tags()") == asked


@pytest.mark.parametrize("seed", [*SEEDS, "unknown", None])
def test_palette_tags_hold_all_that_was_said_of_a_palette(
    published: duckdb.DuckDBPyConnection, seed: str | None
) -> None:
    said: dict[tuple[Any, ...], list[Any]] = defaultdict(list)
    for document in DOCUMENTS:
        for value in RULES.values(document):
            if value.seed == seed and value.value_class != "not_text":
                key = (value.prompt_version, value.attribute, value.raw_value, value.tag, value.canonical_tag)
                said[*key, value.value_class, value.is_counted].append(value)
    expected = {
        key: (len(same), len({v.answer_id for v in same}), sorted({v.model for v in same}))
        for key, same in said.items()
    }
    found = rows(published, "from palette_tags(?)", seed)
    keys = ("prompt_version", "attribute", "raw_value", "tag", "canonical_tag", "value_class", "is_counted")
    assert {
        tuple(row[key] for key in keys): (row["occurrences"], row["answer_count"], row["models"])
        for row in found
        if row["value_class"] != "not_text"
    } == expected
    places = [(row["prompt_version"], row["attribute"], -row["answer_count"]) for row in found]
    assert places == sorted(places)
    assert bool(found) == (seed in SEEDS)


def test_every_function_is_published(published: duckdb.DuckDBPyConnection) -> None:
    names = rows(published, "select function_name from duckdb_functions() where not internal order by 1")
    assert [row["function_name"] for row in names] == [
        "palette_tags", "refinement_candidates", "tag_summaries", "top_tags"
    ]  # fmt: skip
