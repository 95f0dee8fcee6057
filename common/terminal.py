"""What a person at a terminal sees of long work: bars, and lines above them, on stderr."""

import sys
from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.progress import Progress as Bars

from common.command import say
from common.progress import Progress, Tell
from common.text import visible


@contextmanager
def bars(program: str, *, in_bytes: bool = False) -> Generator[tuple[Progress, Tell]]:
    """Show a bar for each task, where stderr is a terminal. Yields what moves them, and what prints a line."""
    amounts = (
        (DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        if in_bytes
        else (MofNCompleteColumn(), TimeElapsedColumn())
    )
    columns = (TextColumn("{task.description}"), BarColumn(), *amounts)
    with Bars(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as shown:
        tasks: dict[str, TaskID] = {}

        def report(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = shown.add_task(name, total=total)
            shown.update(tasks[name], completed=done, total=total)

        def tell(text: str) -> None:
            if shown.disable:
                say(f"{program}: {visible(text)}")
            else:
                shown.console.print(visible(text), markup=False, highlight=False)

        yield report, tell
