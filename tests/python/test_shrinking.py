"""When a table has lost so much that somebody should look first."""

import pytest

from common.shrinking import Loss, how_to_allow, unexpected


@pytest.mark.parametrize(
    ("before", "after", "is_suspicious"),
    [
        (0, 0, False),
        (1, 0, True),  # emptied
        (1, 1, False),
        (5, 9, False),
        (76, 1, True),  # 98 %
        (76, 8, False),  # 89 %, 68 rows
        (20, 2, False),  # 90 % is not more than 90 %
        (300, 200, False),  # a third is not more than a third
        (304, 202, True),  # more than a third, 102 rows
        (302, 201, True),  # 101 rows, a hair more than a third
        (299, 199, False),  # more than a third, but 100 rows
        (1_000_000, 700_000, False),
        (1_000_000, 600_000, True),
    ],
)
def test_a_loss_is_suspicious_where_it_is_large_in_share_and_in_rows(
    before: int, after: int, is_suspicious: bool
) -> None:
    assert Loss("palettes", before, after).is_suspicious is is_suspicious


def test_a_loss_that_was_allowed_is_passed_over() -> None:
    losses = [Loss("palettes", 76, 1), Loss("palette_tags", 500, 0), Loss("prompt_versions", 3, 3)]
    left = unexpected(losses, {"palettes"})
    assert left == [losses[1]]
    assert how_to_allow(left) == "--allow-shrink palette_tags"
    assert str(left[0]) == "palette_tags would shrink from 500 to 0 rows"
