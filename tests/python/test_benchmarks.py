"""The benchmarks, at a small size: they keep working, and fail where something didn't land."""

from pathlib import Path

import pytest
from convex_deployment.control import Deployment

from benchmarks import sync_speed


def test_a_sync_is_measured_beside_its_peer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sync_speed.bench(2_000, 1, tmp_path)
    table = capsys.readouterr().out
    assert "extract sync" in table
    assert "one page of 64 MiB" in table


def test_documents_that_did_not_land_are_no_speed(tmp_path: Path) -> None:
    with Deployment.start() as deployment:
        deployment.fill(sync_speed.TABLE, 10)
        with pytest.raises(SystemExit, match="10 documents landed of 11"):
            sync_speed.sync(deployment, tmp_path, 11)
