"""Compares what the warehouse counted with the plain Python model of the rules of counting."""

import json
from typing import Any

import pytest
from counting_rules import Rules, Seeds, parse_document
from warehouse import PROJECT, Warehouse

RULES = Rules(Seeds.from_csv(PROJECT / "seeds"))
BY_MODEL = ["model_total", "mean_model_share", "share_lower_bound"]
WINNER = [
    "winner",
    "winner_answer_count",
    "answer_total",
    "share",
    "margin",
    "is_tie",
    "tag_count",
    "entropy",
    "effective_tags",
    *BY_MODEL,
]


def assert_counted_by_the_rules(warehouse: Warehouse, documents: list[str]) -> None:
    """Assert that every table of counts is what the rules make of the documents."""
    assert_same_results(warehouse, documents)
    assert_same_values(warehouse, documents)
    seed_version = ["palette_seed", "prompt_version"]
    for table, keys, values, expected in [
        (
            "tag_frequencies",
            [*seed_version, "attribute", "tag"],
            ["occurrences", "answer_count", "model_count", "share", "rank"],
            RULES.frequencies(documents),
        ),
        (
            "canonical_tag_frequencies",
            [*seed_version, "attribute", "canonical_tag"],
            ["occurrences", "answer_count", "model_count", "share", *BY_MODEL],
            RULES.canonical_frequencies(documents),
        ),
        (
            "tag_totals",
            ["prompt_version", "attribute", "tag"],
            ["occurrences", "answer_count", "model_count", "palette_count"],
            RULES.totals(documents),
        ),
        (
            "attribute_consensus",
            [*seed_version, "attribute"],
            WINNER,
            RULES.attribute_consensus(documents),
        ),
        (
            "palette_attribute_consensus",
            ["palette_seed", "attribute"],
            WINNER,
            RULES.palette_attribute_consensus(documents),
        ),
        (
            "palette_tag_ranking",
            ["palette_seed", "attribute", "canonical_tag"],
            ["answer_count", "answer_total", "share", *BY_MODEL],
            RULES.palette_tag_ranking(documents),
        ),
        (
            "palette_tag_consensus",
            ["seed", '"promptVersion"'],
            ['"totalModels"', "categorical", "tags"],
            {
                key: {f'"{k}"' if k == "totalModels" else k: v for k, v in row.items()}
                for key, row in RULES.consensus(documents).items()
            },
        ),
    ]:
        assert_equal_rows(table, rows_by_key(warehouse, table, keys, values), expected)


def rows_by_key(warehouse: Warehouse, table: str, keys: list[str], values: list[str]) -> dict[Any, dict[str, Any]]:
    rows = warehouse.rows(f'select {", ".join(keys + values)} from "{table}"')
    found = {row[: len(keys)]: dict(zip(values, row[len(keys) :], strict=True)) for row in rows}
    assert len(found) == len(rows), f"the grain of {table} is broken"
    return found


def assert_equal_rows(table: str, found: dict[Any, dict[str, Any]], expected: dict[Any, dict[str, Any]]) -> None:
    assert found.keys() == expected.keys(), f"{table}: {set(found) ^ set(expected)}"
    for key, row in found.items():
        for name, value in row.items():
            want = expected[key][name]
            is_near = pytest.approx(want, rel=1e-9, abs=1e-9) if isinstance(want, float) else want
            assert value == is_near, (table, key, name)


def assert_same_results(warehouse: Warehouse, documents: list[str]) -> None:
    found = rows_by_key(warehouse, "answers", ["answer_id"], ["status", "palette_seed", "prompt_version", "model"])
    parsed = [parse_document(document) for document in documents]
    expected = {
        (one.answer_id,): {
            "status": one.status,
            "palette_seed": one.seed,
            "prompt_version": one.prompt_version,
            "model": one.model,
        }
        for one in parsed
    }
    assert found == expected
    unknown = {(key,) for document in documents for key in RULES.unknown_attributes(document)}
    assert set(warehouse.rows("select distinct json_key from unexpected_keys where problem = 'unknown'")) == unknown


def assert_same_values(warehouse: Warehouse, documents: list[str]) -> None:
    found = rows_by_key(
        warehouse,
        "tag_values",
        ["answer_id", "attribute", "value_index"],
        ["raw_value", "tag", "canonical_tag", "value_class", "is_counted"],
    )
    expected = {}
    for value in (value for document in documents for value in RULES.values(document)):
        key = (value.answer_id, value.attribute, value.value_index)
        expected[key] = {
            "raw_value": value.raw_value,
            "tag": value.tag,
            "canonical_tag": value.canonical_tag,
            "value_class": value.value_class,
            "is_counted": value.is_counted,
        }
        if value.value_class == "not_text":
            assert json.loads(found[key]["raw_value"]) == value.malformed_value
            expected[key]["raw_value"] = found[key]["raw_value"]
    assert found == expected
