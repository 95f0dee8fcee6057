"""What a table lost since the last release: what stops it, and which deletions explain it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import CommandError
from common.manifest import Manifest, Shrunk, SourceRun
from common.shrinking import Loss
from publish.build import Build, Mart
from publish.losses import is_explained, shrunk_tables
from publish.release import deletes_since

ROWS = st.integers(0, 3000)


@given(ROWS, ROWS, ROWS)
def test_deletions_explain_what_they_took_and_no_more(before: int, deletes: int, after: int) -> None:
    loss = Loss("t", before, after)
    assert is_explained(loss, 0) is not loss.is_suspicious
    assert is_explained(Loss("t", before, max(0, before - deletes)), deletes)
    if is_explained(loss, deletes):
        assert is_explained(loss, deletes + 1)
        unexplained = before - deletes - after
        assert unexplained * 3 <= max(0, before - deletes) or unexplained <= 100


def test_a_guarded_table_stops_a_release_and_names_every_one() -> None:
    losses = [Loss("answers", 1812, 12), Loss("palettes", 26, 1), Loss("pairs", 900, 0), Loss("queue", 10, 9)]
    with pytest.raises(CommandError) as caught:
        shrunk_tables(losses, {"answers": 0, "palettes": 0, "queue": 0}, ["pairs"])
    assert str(caught.value) == (
        "answers would shrink from 1,812 to 12 rows, palettes would shrink from 26 to 1 rows since the last release, "
        "and no deletions explain it. What was current stays current. See what landed with python -m extract status; "
        "if the loss is meant: python -m publish --allow-shrink answers --allow-shrink palettes"
    )


def test_what_goes_on_is_recorded_with_its_reason() -> None:
    losses = [Loss("answers", 1812, 12), Loss("palettes", 26, 1), Loss("pairs", 900, 0), Loss("queue", 10, 9)]
    found = shrunk_tables(losses, {"answers": 1800, "palettes": 0, "queue": 0}, ["palettes", "queue"])
    assert found == [
        Shrunk("answers", 1812, 12, "deleted"),
        Shrunk("palettes", 26, 1, "allowed"),
        Shrunk("pairs", 900, 0, "not guarded"),
    ]
    assert [str(table) for table in found] == [
        "answers shrinks from 1,812 to 12 rows, and as many documents were deleted since",
        "palettes shrinks from 26 to 1 rows, as --allow-shrink says",
        "pairs shrinks from 900 to 0 rows, which nothing stops, as it counts no documents",
    ]


def build(**more: Any) -> Build:
    marts = [
        Mart("answers", None, "", [], False, ["id"], ["palette_tags"]),
        Mart("seeds", None, "", [], False, ["id"], ["palettes", "palette_tags"]),  # some are known by answers alone
        Mart("pairs", None, "", [], False, ["id"]),
    ]
    return Build(Path("x.duckdb"), "x", "i", datetime(2026, 1, 1, tzinfo=UTC), "", marts, [], [], **more)


@pytest.mark.parametrize(
    ("last", "now", "expected"),
    [
        ({"origin": "a", "deletes": {"palette_tags": 5}}, {"origin": "a", "deletes": {"palette_tags": 9}}, 4),
        ({"origin": "a", "deletes": {}}, {"origin": "a", "deletes": {"palette_tags": 9, "tag_batches": 50}}, 9),
        ({"origin": "a", "deletes": {"palette_tags": 5}}, {"origin": "b", "deletes": {"palette_tags": 9}}, 0),
        # A raw zone that was lost, and read from scratch from the same deployment.
        ({"origin": "a", "deletes": {"palette_tags": 5}}, {"origin": "a", "deletes": {}}, 0),
        # A release from before this was kept.
        ({}, {"deletes": {"palette_tags": 9}}, 0),
        # What had been deleted was forgotten since, or before.
        *(
            (
                {"origin": "a", "deletes": {"palette_tags": 5}},
                {"origin": "a", "deletes": {"palette_tags": 9}, "forgot_at": run_id},
                expected,
            )
            for run_id, expected in (("r3", 9), ("r2", 4))
        ),
    ],
)
def test_deletions_count_from_the_last_release_on(last: dict[str, Any], now: dict[str, Any], expected: int) -> None:
    runs = [SourceRun(run_id, "full", None, "zip", "x.zip") for run_id in ("r1", "r2")]
    manifest = Manifest("b", "", "", runs, None, None, {}, {}, [], **last)
    assert deletes_since(build(**now), manifest) == {"answers": expected, "seeds": expected}


def test_deletions_in_any_table_that_may_have_the_document_count() -> None:
    manifest = Manifest("b", "", "", [], None, None, {}, {}, [], origin="a", deletes={"palettes": 1, "palette_tags": 8})
    now = build(origin="a", deletes={"palettes": 4, "palette_tags": 28, "tag_batches": 100})
    assert deletes_since(now, manifest) == {"answers": 20, "seeds": 23}
