"""Arbitrary answers, landed and counted by the whole project, against a plain Python model of the rules of counting."""

import os

import pytest
import strategies
from comparison import assert_counted_by_the_rules
from hypothesis import HealthCheck, Phase, example, given, settings
from judged_statistics import assert_statistics_are_those_of_others
from statistics_by_hand import assert_pairs_and_drift_are_those_by_hand
from warehouse import Warehouse

FEW, FIXED = 2, 8
"""So many are the same each time: in `make test`, and further."""
EXAMPLES = int(os.environ.get("COUNTING_EXAMPLES", FIXED))
"""Each runs the whole project, in about four seconds. `COUNTING_EXAMPLES=200` looks further, elsewhere each time."""
CORPUS = strategies.documents(max_size=160, duplicate_keys=True)

ANSWER = '{"_id":"%s","seed":"s","promptVersion":"v","provider":"p","model":"%s","tags":{"contrast":"%s"}}'
MODEL_WITHOUT_A_NAME = [ANSWER % one for one in [("a", "", "high"), ("b", "m", "low")]]
"""It is a model, and is compared with the others."""


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    warehouse = Warehouse(tmp_path_factory.mktemp("counting"))
    warehouse.land_documents("palette_tags", [])
    warehouse.run("seed")
    return warehouse


drawn = settings(
    deadline=None, phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck), max_examples=FEW
)


@settings(drawn, derandomize=True)
@example(documents=MODEL_WITHOUT_A_NAME)
@given(documents=CORPUS)
def test_all_counts_of_arbitrary_answers_are_those_of_the_rules(warehouse: Warehouse, documents: list[str]) -> None:
    assert_all_counted(warehouse, documents)


@pytest.mark.further
@settings(drawn, max_examples=EXAMPLES, derandomize=EXAMPLES == FIXED)
@given(documents=CORPUS)
def test_all_counts_of_more_arbitrary_answers_are_too(warehouse: Warehouse, documents: list[str]) -> None:
    assert_all_counted(warehouse, documents)


def assert_all_counted(warehouse: Warehouse, documents: list[str]) -> None:
    warehouse.forget_runs()
    landed = warehouse.land_documents("palette_tags", documents)
    assert landed.rejected == 0
    warehouse.run("run")

    assert_counted_by_the_rules(warehouse, documents)
    assert_statistics_are_those_of_others(warehouse)
    assert_pairs_and_drift_are_those_by_hand(warehouse)
