"""`python -m common.with_env COMMAND …`: run a command with the settings of `.env`, for dbt reads none itself.

The rule is that of every other command: the environment goes before `.env`, and what is set but empty counts as unset.
"""

import os
import sys

from common.command import become, guarded, say
from common.errors import CommandError
from common.settings import env_file

PROGRAM = "with_env"


def main(arguments: list[str]) -> int:
    """Become the command. Returns only where that is impossible."""
    if not arguments:
        say(f"usage: python -m common.{PROGRAM} COMMAND …")
        return 2
    try:
        os.environ.update({name: value for name, value in env_file().items() if not os.environ.get(name)})
        become(arguments[0], arguments[1:])
    except CommandError as error:
        say(f"{PROGRAM}: {error}")
    except OSError as error:
        say(f"{PROGRAM}: {arguments[0]} can't be run: {error.strerror}")
    return 1


if __name__ == "__main__":
    sys.exit(guarded(PROGRAM, lambda: main(sys.argv[1:])))
