"""`python -m publish`: see `python -m publish --help`."""

from publish.cli import main

raise SystemExit(main())
