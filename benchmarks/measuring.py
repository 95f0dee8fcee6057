"""Runs a command and reports what it cost: time, CPU, memory with all that it started, and what it spilled."""

import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter, time
from typing import TextIO

PROJECT = Path(__file__).parents[1]
INTERVAL = 0.02
MEGABYTE = 1_000_000
_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True)
class Cost:
    """Wall and CPU time in seconds; memory and files spilled to, at their peak, in MB; why it failed, if it did."""

    wall: float
    cpu: float
    peak: float
    spilled: float = 0.0
    failure: str | None = None


@dataclass(frozen=True)
class Sample:
    """What a process and its descendants had used at a time: seconds since 1970, CPU seconds, MB of memory."""

    at: float
    cpu: float
    memory: float


@dataclass
class Watched:
    """The cost of a command, and how it came about."""

    cost: Cost
    samples: list[Sample] = field(default_factory=list)


def measure(command: Sequence[str], environment: Mapping[str, str]) -> Cost:
    """Run a command that has to succeed, from the project's root, without its output. Raises SystemExit if it fails."""
    cost = watch(command, environment).cost
    if cost.failure:
        raise SystemExit(f"bench: {' '.join(command)} failed: {cost.failure}")
    return cost


def watch(command: Sequence[str], environment: Mapping[str, str], spills_to: Path | None = None) -> Watched:
    """Run a command from the project's root, and watch its memory and the files in `spills_to`.

    Memory is what the process and its descendants have together, seen fifty times a second, or the most that one of
    them ever had, whichever is more. Memory that two share counts twice. Where there is no /proc, it is the most that
    one of them had, as the kernel reports at the end: never less than this process has.
    """
    with tempfile.TemporaryFile(mode="w+", errors="replace") as output:
        started = perf_counter()
        process = subprocess.Popen(
            command, cwd=PROJECT, env=os.environ | dict(environment), stdout=output, stderr=subprocess.STDOUT
        )
        with _Watcher(process.pid, spills_to) as watcher:
            _, status, usage = os.wait4(process.pid, 0)
            wall = perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        failure = _failure(process.returncode, output) if process.returncode else None
    peak = watcher.peak or usage.ru_maxrss * _MAXRSS_UNIT / MEGABYTE
    cost = Cost(wall, usage.ru_utime + usage.ru_stime, peak, watcher.spilled, failure)
    return Watched(cost, watcher.samples)


def median(costs: Sequence[Cost]) -> Cost:
    """Return the median of each measure; if one of them failed, all did."""
    names = ("wall", "cpu", "peak", "spilled")
    measures = {name: statistics.median(getattr(cost, name) for cost in costs) for name in names}
    failures = [cost.failure for cost in costs if cost.failure]
    return replace(costs[0], **measures, failure=failures[0] if failures else None)


def _failure(code: int, output: TextIO) -> str:
    """Tell in a few words why a command failed."""
    output.seek(0)
    lines = [line.strip() for line in output if line.strip()]
    if any("out of memory" in line.lower() for line in lines):
        return "out of memory"
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return "\n".join(lines[-20:]) or f"exit code {code}"


class _Watcher(threading.Thread):
    """Looks at a process and its descendants until told to stop."""

    def __init__(self, pid: int, spills_to: Path | None):
        super().__init__(daemon=True)
        self.samples: list[Sample] = []
        self.peak = 0.0
        self.spilled = 0.0
        self._pid = pid
        self._spills_to = spills_to
        self._stop_now = threading.Event()

    def __enter__(self) -> "_Watcher":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop_now.set()
        self.join()

    def run(self) -> None:
        self._look()
        while not self._stop_now.wait(INTERVAL):
            self._look()

    def _look(self) -> None:
        used = [usage for pid in _tree(self._pid) if (usage := _usage(pid))]
        if used:
            cpu, memory = sum(one.cpu for one in used), sum(one.memory for one in used)
            self.samples.append(Sample(time(), cpu, memory))
            self.peak = max(self.peak, memory, *(one.highest for one in used))
        if self._spills_to:
            self.spilled = max(self.spilled, _size(self._spills_to))


def _tree(pid: int) -> Iterator[int]:
    """Yield a process and its descendants, as far as they can still be seen."""
    yield pid
    try:
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in children.read_text().split():
                yield from _tree(int(child))
    except OSError:
        return


@dataclass(frozen=True)
class _Usage:
    """CPU seconds of a process and its children that ended; MB that it has, and the most that it has had."""

    cpu: float
    memory: float
    highest: float


def _usage(pid: int) -> _Usage | None:
    """Return what a process uses, or None if it is gone; see proc(5)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        highest = re.search(r"^VmHWM:\s*(\d+) kB", Path(f"/proc/{pid}/status").read_text(), flags=re.MULTILINE)
    except OSError:
        return None
    ticks = sum(map(int, fields[11:15]))
    memory = int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / MEGABYTE
    return _Usage(
        ticks / os.sysconf("SC_CLK_TCK"), memory, int(highest.group(1)) * 1024 / MEGABYTE if highest else memory
    )


def _size(directory: Path) -> float:
    """Return the MB of the files in a directory, which may not be there; files come and go."""
    total = 0
    try:
        for entry in os.scandir(directory):
            total += entry.stat().st_size
    except OSError:
        pass
    return total / MEGABYTE
