"""`python -m docsite`: see `python -m docsite --help`."""

import sys

from common.command import guarded


def _main() -> int:
    from docsite.cli import main

    return main()


if __name__ == "__main__":
    sys.exit(guarded("docsite", _main, "interrupted before it was done: the site is as it was"))
