"""The command line: writes the site from what dbt and the publisher have left."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from common.command import TRACEBACK_HELP
from common.dbt import target_path
from common.errors import CommandError
from common.problems import remedy
from common.releases import Releases, publish_dir
from docsite.site import write_site


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line. Returns the exit code: 0 done, 1 failed; wrong usage exits with 2."""
    options = _parser().parse_args(arguments)
    try:
        published = Releases(publish_dir(options.publish_dir)).find(None)
        target = options.target or target_path() / "docs"
        site = write_site(Path(), target, published, options.out, options.sample_rows)
    except CommandError as error:
        print(f"docsite: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    except OSError as error:
        where, reason = error.filename or options.out, error.strerror or error
        print(f"docsite: {where}: {reason}. The site is as it was: {remedy(error)}", file=sys.stderr)
        return 1
    print(f"{site.pages} pages: open {options.out / 'index.html'} in a browser")
    for problem in site.problems:
        print(f"  {problem}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m docsite",
        description="Write the documentation site. Run it in the project, after dbt docs generate and a publication.",
        epilog=f"make docs does all of it; {TRACEBACK_HELP}.",
    )
    parser.add_argument(
        "--target",
        type=Path,
        metavar="DIR",
        help="where dbt docs generate has left manifest.json, catalog.json and index.html (default: docs in "
        "DBT_TARGET_PATH, else in target)",
    )
    parser.add_argument("--publish-dir", metavar="DIR", help="where the releases are (default: data/published)")
    parser.add_argument("--out", type=Path, default=Path("site"), metavar="DIR", help="the site (default: site)")
    parser.add_argument(
        "--sample-rows",
        type=_row_count,
        default=10,
        metavar="N",
        help="rows of each table to show (default: 10); 0, none: for a site that more people may read than the data",
    )
    return parser


def _row_count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} isn't a whole number from 0 up")
    return int(text)
