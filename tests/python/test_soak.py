"""Small soaks, as `make soak` and `make soak-publish`: what is killed again and again loses nothing."""

import pytest
from push_soak import soak_pushes
from soak import KILLS_PER_STATE, soak


@pytest.mark.parametrize(
    ("older_api", "kills"),
    [
        pytest.param(False, 3, id="data_sync"),
        pytest.param(False, 18, id="data_sync, longer", marks=pytest.mark.further),
        pytest.param(True, 12, id="streaming_export", marks=pytest.mark.further),
    ],
)
def test_a_sync_that_is_killed_loses_nothing_and_shows_no_state_that_was_none(older_api: bool, kills: int) -> None:
    run = soak(kills, seed=7, older_api=older_api)
    assert run.mismatches == []
    assert run.figures["kills"] >= kills
    assert run.figures["states compared"] >= kills // KILLS_PER_STATE
    for met in ("requests that met a fault", "documents at the end", "deletes on the deployment"):
        assert run.figures[met] > 0, met


@pytest.mark.parametrize(
    ("pushes", "kills"), [pytest.param(1, 1, id="once"), pytest.param(2, 5, id="longer", marks=pytest.mark.further)]
)
def test_a_push_that_is_killed_replaces_all_or_nothing(pushes: int, kills: int) -> None:
    figures, mismatches = soak_pushes(pushes, kills, seed=3)
    assert mismatches == []
    assert figures["kills"] == kills
    assert figures["requests that met a fault"] > 0
