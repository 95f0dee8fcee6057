"""The guard on vanishing: a table that has lost most of its rows stops what would pass the loss on.

One rule serves landing, publishing and pushing. Each compares what it is about to replace with what would take its
place, and goes on only where the loss is small, or where somebody has said that it is meant (`--allow-shrink TABLE`).
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

MANY_ROWS = 100
FLAG = "--allow-shrink"


@dataclass(frozen=True)
class Loss:
    """A table's number of rows before and after."""

    table: str
    before: int
    after: int

    @property
    def is_suspicious(self) -> bool:
        """Tell whether more than a third of the rows is lost, and either more than 100 rows or more than 90 %."""
        lost = self.before - self.after
        return lost * 3 > self.before and (lost > MANY_ROWS or lost * 10 > self.before * 9)

    def __str__(self) -> str:
        return f"{self.table} would shrink from {self.before:,} to {self.after:,} rows"


def unexpected(losses: Iterable[Loss], allowed: Collection[str]) -> list[Loss]:
    """Return the suspicious losses of tables that nobody has allowed to shrink."""
    return [loss for loss in losses if loss.is_suspicious and loss.table not in allowed]


def how_to_allow(losses: Iterable[Loss]) -> str:
    """Return the flags with which the command would go on."""
    return " ".join(f"{FLAG} {loss.table}" for loss in losses)
