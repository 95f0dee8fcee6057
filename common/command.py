"""How every command of this project begins and ends: what a terminal, a pipe or a closed stream does to it.

It imports nothing but the standard library, for it is there before anything else is imported.
"""

import codecs
import io
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NoReturn, TextIO

from common.text import visible

TRACEBACK = "SHOW_TRACEBACK"
TRACEBACK_HELP = f"an error that nobody foresaw is one line too; {TRACEBACK}=1 shows where in the code it arose"
LONGEST_ERROR = 500
ESCAPED = "palette_analytics.escaped"
"""The name of what is done with characters that an output's encoding doesn't know."""


def guarded(program: str, main: Callable[[], int | None], interrupted: str = "interrupted") -> int:
    """Run a command and return its exit code. No traceback reaches a user, unless `SHOW_TRACEBACK` asks for it.

    - Whoever reads its output may go (`| head -1`): it ends with code 1, without a word.
    - Ctrl-C that the command doesn't handle itself is one line, `interrupted`, and code 1.
    - An error that it doesn't handle itself is one line, and code 1.
    - What the output's encoding doesn't know is shown as an escape.
    """
    _repair_streams()
    try:
        code = _exit_code(program, main)
        sys.stdout.flush()
    except BrokenPipeError:
        code = 1
    except KeyboardInterrupt:
        code = _failed(program, interrupted)
    except Exception as error:
        if os.environ.get(TRACEBACK):
            with suppress(OSError):
                traceback.print_exc()
        code = _failed(program, _unforeseen(error))
    _leave_nothing_unwritten()
    return code


def say(text: str) -> None:
    """Print a line on stderr. Nothing fails because nobody can read it."""
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        _give_up(sys.stderr)


def become(program: str, arguments: Sequence[str]) -> NoReturn:
    """Go on as another program. Raises OSError where there is none such."""
    sys.stdout.flush()
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and what comes after would too
    os.execvp(program, [program, *arguments])  # noqa: S606 - without a shell


def _exit_code(program: str, main: Callable[[], int | None]) -> int:
    try:
        return main() or 0
    except SystemExit as stop:  # argparse's way
        if isinstance(stop.code, str):
            return _failed(program, stop.code)
        return stop.code or 0


def _failed(program: str, text: str) -> int:
    say(f"{program}: {text}")
    return 1


def _unforeseen(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"there is no Python module {error.name} here: make env installs it"
    text = visible(" ".join(str(error).split()))
    shown = text if len(text) <= LONGEST_ERROR else f"{text[:LONGEST_ERROR]}…"
    name = type(error).__name__
    return f"{name}{f': {shown}' if shown else ''} ({TRACEBACK}=1 shows where in the code it arose)"


def _repair_streams() -> None:
    """Make sure that there are stdin, stdout and stderr, and that each text can be written to them."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass  # a file that is opened later would get the number, and what is printed
    os.close(descriptor)
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, closefd=False))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=ESCAPED)


def _escaped(error: UnicodeError) -> tuple[str, int]:
    """Return escapes that JSON knows too, so that what `--json` prints stays JSON in every encoding."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{high:02x}{low:02x}" for high, low in zip(units[::2], units[1::2], strict=True)), error.end


codecs.register_error(ESCAPED, _escaped)


def _leave_nothing_unwritten() -> None:
    """Let Python end without a word about what can't be written any more."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            _give_up(stream)


def _give_up(stream: TextIO) -> None:
    """Let what a stream still holds, and what comes, go nowhere."""
    with suppress(OSError), open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - a device
        os.dup2(nowhere.fileno(), stream.fileno())
