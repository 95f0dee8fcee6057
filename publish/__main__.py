"""`python -m publish`: see `python -m publish --help`."""

import sys

from common.command import guarded


def _main() -> int:
    from publish.cli import main

    return main()


if __name__ == "__main__":
    sys.exit(guarded("publish", _main, "interrupted before it began"))
