"""What long work reports while it goes on."""

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Gets what is under way, how much of it is done, and how much there is."""
Tell = Callable[[str], None]
"""Gets a line of text."""


def no_progress(_name: str, _done: int, _total: int) -> None:
    """Show nothing."""


def silent(_text: str) -> None:
    """Say nothing."""
