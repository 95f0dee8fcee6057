"""`python -m extract`: see `python -m extract --help`."""

import sys

from common.command import guarded


def _main() -> int:
    from extract.cli import main

    return main()


if __name__ == "__main__":
    sys.exit(guarded("extract", _main, "interrupted before it began"))
