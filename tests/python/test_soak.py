"""A small soak, of the same kind as `make soak`: a process that is killed again and again loses nothing."""

import pytest
from soak import soak


@pytest.mark.parametrize(("older_api", "kills"), [(False, 30), (True, 20)], ids=["data_sync", "streaming_export"])
def test_a_sync_that_is_killed_loses_nothing_and_shows_no_state_that_was_none(older_api: bool, kills: int) -> None:
    run = soak(kills, seed=7, older_api=older_api)
    assert run.mismatches == []
    assert run.figures["kills"] >= kills
    for met in ("states compared", "requests that met a fault", "documents at the end", "deletes on the deployment"):
        assert run.figures[met] > 0, met
