"""`python -m extract`: see `python -m extract --help`."""

import sys

try:
    from extract.cli import main

    sys.exit(main())
except KeyboardInterrupt:
    sys.exit("extract: interrupted before it began")
