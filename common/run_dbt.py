"""`python -m common.run_dbt ARGUMENT…`: dbt as `make` runs it, with one line where dbt itself shows a traceback.

dbt reports a database that another process holds, a folder that can't be written, a full disk and Ctrl-C by
a traceback. It colours what it says in a pipe too; here only on a terminal, and never where `NO_COLOR` is set. What a
build leaves for `python -m publish` is kept beside it, since `dbt show`, `dbt compile` and `dbt ls` write over it.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

from common.command import guarded, say
from common.dbt import ARTIFACTS, colours, database_path, kept_artifacts, target_path
from common.errors import CommandError
from common.inputs import inputs, keep_inputs
from common.paths import path_of
from common.problems import holder, is_full_text, is_locked_text
from common.settings import setting
from common.text import visible

_TIME = r"(?:\x1b\[\d*m)*(?:\d\d:\d\d:\d\d  )?"
_TRACEBACK = re.compile(_TIME + r"Traceback \(most recent call last\):\s*")
_HEADING = re.compile(_TIME + r"Encountered an error:\s*")
_NEXT_RECORD = re.compile(r"(?:\x1b\[\d*m)*\d\d:\d\d:\d\d  ")
_ERROR = re.compile(r"\s*(?:[\w.]*(?:Error|Exception): )?(?:\w+ )*\w*Error: ")
_REMEMBERED_LINES = 400


def main(arguments: Sequence[str]) -> int:
    """Run dbt, and return 0, or 1 where it failed."""
    try:
        target, database = target_path(), database_path()
        places = {"DBT_TARGET_PATH": target, "DBT_LOG_PATH": _logs(), "DUCKDB_PATH": database}
        environment = {name: str(places[name]) for name in ("DBT_TARGET_PATH", "DBT_LOG_PATH") if setting(name)}
        made_with = inputs() if "build" in arguments else ""
    except CommandError as error:
        say(f"dbt: {error}")
        return 1
    for name, place in places.items():
        if not is_writable(place):  # dbt says nothing of it with --quiet
            print(
                f"dbt: {place} can't be written: set {name} to another place, or fix its permissions", file=sys.stderr
            )
            return 1
    dbt = Path(sysconfig.get_path("scripts")) / "dbt"
    command = [dbt, colours(), *arguments]
    with subprocess.Popen(
        command, env=os.environ | environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as ran:
        # Ctrl-C reaches dbt too, which ends its queries; what asks this process to end has to be handed on.
        interrupts: list[int] = []
        signal.signal(signal.SIGINT, lambda number, _frame: interrupts.append(number))
        signal.signal(signal.SIGTERM, lambda _number, _frame: ran.terminate())
        said = hand_on(ran.stdout or (), sys.stdout.buffer)
    if made_with:
        keep_artifacts(target, made_with)
    if not ran.returncode:
        return 0
    if line := explanation(said, database, is_interrupted=bool(interrupts)):
        print(f"dbt: {visible(line)}", file=sys.stderr)
    return 1


def hand_on(lines: Iterable[bytes], out: BinaryIO) -> list[str]:
    """Write what dbt says as it comes, but for tracebacks, and return the last lines of all."""
    said: deque[str] = deque(maxlen=_REMEMBERED_LINES)
    heading, is_traceback = b"", False
    for line in lines:
        text = line.decode(errors="replace")
        said.append(text.rstrip("\n"))
        if _TRACEBACK.match(text):
            heading, is_traceback = b"", True
        elif _HEADING.match(text) or (heading and not text.strip()):
            heading, is_traceback = heading + line, False
        elif not is_traceback or _NEXT_RECORD.match(text):
            _write(out, heading + line)
            heading, is_traceback = b"", False
    _write(out, heading)
    return list(said)


def _write(out: BinaryIO, text: bytes) -> None:
    try:
        out.write(text)
        out.flush()
    except BrokenPipeError:  # whoever read this has seen enough, and the build goes on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def explanation(said: Sequence[str], database: Path, *, is_interrupted: bool = False) -> str | None:
    """Return what made dbt fail and what to do, in one line; None where dbt has said it itself."""
    text = "\n".join(line for line in said if _ERROR.match(line))  # what a row holds is no error
    if is_interrupted or (said and "KeyboardInterrupt" in said[-3:]):
        return (
            "interrupted. What is published stays as it was; the next build keeps what this one has finished, "
            "and makes the rest"
        )
    if is_locked_text(text):
        return f"{database} is open in {holder(text)}: wait until that is done, or end it, and build again"
    if is_full_text(text):
        return f"there is no space left for {database}: free some, and build again. What is published stays as it was"
    if any(map(_TRACEBACK.match, said)):
        last = next((line for line in reversed(said) if line.strip()), "")
        return f"dbt ended with an error of its own ({last.strip()}): see {_logs() / 'dbt.log'}"
    return None


def is_writable(path: Path) -> bool:
    """Tell whether a file or folder can be written, or made where it isn't there yet."""
    there = next(place for place in (path, *path.absolute().parents) if place.exists())
    return os.access(there, os.W_OK) and (there == path or there.is_dir())


def _logs() -> Path:
    return path_of("DBT_LOG_PATH", setting("DBT_LOG_PATH") or "logs")


def keep_artifacts(target: Path, made_with: str) -> None:
    """Copy what a build left, so that a command that only looks doesn't write over it, and what it was made with."""
    kept = kept_artifacts(target)
    try:
        kept.mkdir(exist_ok=True)
        keep_inputs(target, "")
        for name in ARTIFACTS:
            shutil.copyfile(target / name, kept / name)
        keep_inputs(target, made_with)
    except OSError:  # publish takes what dbt left, then, and says where it can't
        shutil.rmtree(kept, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(guarded("dbt", lambda: main(sys.argv[1:])))
