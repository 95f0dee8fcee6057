"""`python -m docsite`: see `python -m docsite --help`."""

import sys

try:
    from docsite.cli import main

    sys.exit(main())
except KeyboardInterrupt:
    sys.exit("docsite: interrupted before it was done: the site is as it was")
