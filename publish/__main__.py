"""`python -m publish`: see `python -m publish --help`."""

import sys

try:
    from publish.cli import main

    sys.exit(main())
except KeyboardInterrupt:
    sys.exit("publish: interrupted before it began")
