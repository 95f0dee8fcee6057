"""The proof that a reader never meets half a release: it reads while builds are published and publishers are killed.

`make soak-publish` runs it. A reader opens `current` every 50 ms and sees that all it finds is of one build. Meanwhile
builds are published, each with a palette more than the one before, and half of the publishers are ended with SIGKILL
when they have written a drawn part of their release. After each, the current release has to be whole, and the one
before or the new one. No outcome hangs on the clock: a busy machine makes it slow, not wrong. Then comes `push_soak`,
as long.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

from published import BuiltPlace, read_current
from push_soak import soak_pushes
from rich.console import Console
from rich.table import Table
from warehouse import PROJECT, Warehouse

from common.manifest import differences

PAUSE_SECONDS = 0.05
LOOK_SECONDS = 0.005
STILL_SECONDS = 600
"""When publishing takes so long, something hangs."""
KILLS_PER_WRITTEN = 4
"""At most: a soak goes on until as many publishers were killed while they wrote."""
MOST_STARTS_PER_KILL = 5
WHILE_WRITTEN = "  while a release was being written"


class CurrentReader(threading.Thread):
    """Reads the current release again and again, until it is told to stop."""

    def __init__(self, directory: Path):
        super().__init__(daemon=True)
        self.seen: list[str] = []
        self.errors: list[str] = []
        self._directory = directory
        self._stopping = threading.Event()

    def run(self) -> None:
        """Read every 50 ms, and note what went wrong."""
        while not self._stopping.wait(PAUSE_SECONDS):
            self.read()

    def read(self) -> None:
        """Read once."""
        try:
            self.seen.append(read_current(self._directory))
        except Exception as error:  # whatever it is, a reader should not have met it
            self.errors.append(repr(error))

    def stop(self) -> None:
        """Return when it has stopped and read once more, having looked for releases that came back after newer ones."""
        self._stopping.set()
        self.join()
        self.read()
        if self.seen != sorted(self.seen):
            self.errors.append("an older release came back")


def soak(place: BuiltPlace, directory: Path, publishes: int, kills: int, seed: int) -> tuple[Counter[str], list[str]]:
    """Publish builds of a place that may be changed; return what happened how often, and what should not have."""
    chance, figures = random.Random(seed), Counter({"publishes": 0, "kills": 0})
    previous = _publish(place, directory, 0, None, figures)
    size = _size(directory / previous)
    reader, mismatches = CurrentReader(directory), []
    reader.read()
    reader.start()
    number = 0
    while (
        figures["publishes"] < publishes
        or figures["kills"] < kills
        or figures[WHILE_WRITTEN] < kills // KILLS_PER_WRITTEN
    ):
        number += 1
        is_doomed = figures["publishes"] >= publishes or (figures["kills"] < kills and chance.random() < 0.5)
        kill_at = int(chance.uniform(-0.1, 1.1) * size) if is_doomed else None
        new = _publish(place, directory, number, kill_at, figures)
        current = read_current(directory)
        if current not in (previous, new) or (kill_at is None and current != new):
            mismatches.append(f"after {new}, {current} is current")
        mismatches += differences(directory / current)
        previous = current
        if number > publishes + kills * MOST_STARTS_PER_KILL:
            mismatches.append(
                f"{number} publishers were too few for {kills} kills, some of them while a release was written"
            )
            break
    reader.stop()
    figures |= {"reads": len(reader.seen), "releases met by the reader": len({*reader.seen})}
    return figures, mismatches + reader.errors


def _publish(place: BuiltPlace, directory: Path, number: int, kill_at: int | None, figures: Counter[str]) -> str:
    """Publish one more build, and kill the publisher once it has written so many bytes; beyond the whole: or later."""
    build_id = place.build_again(number)
    incoming, visible = directory / ".incoming" / build_id, directory / build_id
    environment = {**os.environ, **place.settings(directory)}
    command = [sys.executable, "-m", "publish"]
    with subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + STILL_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            if kill_at is not None and (visible.exists() or _size(incoming) >= kill_at):
                figures[WHILE_WRITTEN] += incoming.exists()
                figures["  after it was visible"] += visible.exists()
                process.kill()
                figures["kills"] += 1
                return build_id
            time.sleep(LOOK_SECONDS)
        process.kill()  # which does nothing to one that has ended
    assert process.returncode == 0
    figures["publishes"] += 1
    return build_id


def _size(directory: Path) -> int:
    """Return how many bytes a release has so far, or less where it moves away meanwhile."""
    size = 0
    with suppress(FileNotFoundError):
        for path in directory.rglob("*"):
            size += path.stat().st_size
    return size


def main() -> int:
    """Run the soak that the command line asks for, print its figures, and return 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--publishes", type=int, default=20, help="how many builds to publish, and to push (20)")
    parser.add_argument("--kills", type=int, default=20, help="how many publishers to kill, and how many pushers (20)")
    parser.add_argument("--seed", type=int, default=1, help="another seed, other moments (1)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        warehouse = Warehouse(Path(folder))
        warehouse.land(PROJECT / "sample" / "convex-export.zip")
        warehouse.run("build")
        place = BuiltPlace(warehouse.database, warehouse.raw_dir, warehouse.target)
        published = soak(place, Path(folder) / "published", options.publishes, options.kills, options.seed)
    _print(f"publishing, seed {options.seed}", *published)
    pushed = soak_pushes(options.publishes, options.kills, options.seed)
    _print(f"pushing, seed {options.seed}", *pushed)
    return 1 if published[1] or pushed[1] else 0


def _print(title: str, figures: Counter[str], mismatches: list[str]) -> None:
    table = Table("what", "number", title=title)
    for name, count in figures.items():
        table.add_row(name, f"{count:,}")
    table.add_row("mismatches and errors", f"{len(mismatches)}")
    Console(width=80).print(table)
    for mismatch in mismatches:
        print(mismatch, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
