"""`python -m extract`: see `python -m extract --help`."""

from extract.cli import main

raise SystemExit(main())
