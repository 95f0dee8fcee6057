"""`python -m governance`: hold the project to its conventions; see `python -m governance --help`."""

import sys

from common.command import guarded


def _main() -> int:
    from governance.cli import main

    return main()


if __name__ == "__main__":
    sys.exit(guarded("governance", _main))
