"""The proof that a reader never meets half a set: it reads while builds are published and publishers are killed.

`make soak-publish` runs it. A reader opens `current` every 50 ms and sees that all it finds is of one build. Meanwhile
builds are published, each with a palette more than the one before, and half of the publishers are ended with SIGKILL
at a random moment. After each, the current set has to be whole, and the one before or the new one.
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
from pathlib import Path

from published import BuiltPlace, read_current
from rich.console import Console
from rich.table import Table
from warehouse import PROJECT, Warehouse

from publish.manifest import differences

PAUSE_SECONDS = 0.05


class CurrentReader(threading.Thread):
    """Reads the current set again and again, until it is told to stop."""

    def __init__(self, directory: Path):
        super().__init__(daemon=True)
        self.seen: list[str] = []
        self.errors: list[str] = []
        self._directory = directory
        self._stopping = threading.Event()

    def run(self) -> None:
        """Read every 50 ms, and note what went wrong."""
        while not self._stopping.wait(PAUSE_SECONDS):
            try:
                self.seen.append(read_current(self._directory))
            except Exception as error:  # whatever it is, a reader should not have met it
                self.errors.append(repr(error))

    def stop(self) -> None:
        """Return when it has stopped, having looked for sets that came back after newer ones."""
        self._stopping.set()
        self.join()
        if self.seen != sorted(self.seen):
            self.errors.append("an older set came back")


def soak(place: BuiltPlace, directory: Path, publishes: int, kills: int, seed: int) -> tuple[Counter[str], list[str]]:
    """Publish builds of a place that may be changed; return what happened how often, and what should not have."""
    chance, figures = random.Random(seed), Counter({"publishes": 0, "kills": 0})
    started = time.monotonic()
    previous = _publish(place, directory, 0, None, figures)
    usual_seconds = time.monotonic() - started
    reader, mismatches = CurrentReader(directory), []
    reader.start()
    number = 0
    while figures["publishes"] < publishes or figures["kills"] < kills:
        number += 1
        is_doomed = figures["kills"] < kills and (figures["publishes"] >= publishes or chance.random() < 0.5)
        seconds = chance.uniform(0.1, 1.2) * usual_seconds if is_doomed else None
        new = _publish(place, directory, number, seconds, figures)
        current = read_current(directory)
        if current not in (previous, new) or (seconds is None and current != new):
            mismatches.append(f"after {new}, {current} is current")
        mismatches += differences(directory / current)
        previous = current
    reader.stop()
    figures |= {"reads": len(reader.seen), "sets met by the reader": len({*reader.seen})}
    return figures, mismatches + reader.errors


def _publish(place: BuiltPlace, directory: Path, number: int, kill_after: float | None, figures: Counter[str]) -> str:
    build_id = place.build_again(number)
    environment = {**os.environ, **place.settings(directory)}
    command = [sys.executable, "-m", "publish"]
    with subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=subprocess.DEVNULL) as process:
        try:
            process.wait(kill_after)
        except subprocess.TimeoutExpired:
            figures["  while a set was being written"] += (directory / ".incoming" / build_id).exists()
            figures["  after it was visible"] += (directory / build_id).exists()
            process.kill()
            figures["kills"] += 1
            return build_id
    assert process.returncode == 0
    figures["publishes"] += 1
    return build_id


def main() -> int:
    """Run the soak that the command line asks for, print its figures, and return 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--publishes", type=int, default=20, help="how many builds to publish (20)")
    parser.add_argument("--kills", type=int, default=20, help="how many publishers to kill (20)")
    parser.add_argument("--seed", type=int, default=1, help="another seed, other moments (1)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        warehouse = Warehouse(Path(folder))
        warehouse.land(PROJECT / "sample" / "convex-export.zip")
        warehouse.run("build")
        place = BuiltPlace(warehouse.database, warehouse.raw_dir, warehouse.target)
        figures, mismatches = soak(place, Path(folder) / "published", options.publishes, options.kills, options.seed)
    table = Table("what", "number", title=f"seed {options.seed}")
    for name, count in figures.items():
        table.add_row(name, f"{count:,}")
    table.add_row("mismatches and errors", f"{len(mismatches)}")
    Console(width=80).print(table)
    for mismatch in mismatches:
        print(mismatch, file=sys.stderr)
    return 1 if mismatches else 0


if __name__ == "__main__":
    sys.exit(main())
