"""`python -m docsite`: see `python -m docsite --help`."""

import sys

try:
    from docsite.cli import main
except ModuleNotFoundError as error:
    sys.exit(f"docsite: there is no Python module {error.name} here: make env installs it")

try:
    sys.exit(main())
except KeyboardInterrupt:
    sys.exit("docsite: interrupted before it was done: the site is as it was")
