"""`python -m publish.sample`: may `make build` build the bundled sample here? And how a release of it is recognised.

What is made of the sample is for looking around. It never takes the place of a release of other data by itself, and
`publish push` sends it nowhere but to the test deployment.
"""

import re
import sys
import zipfile
import zlib
from pathlib import Path

from common.command import guarded, say
from common.errors import CommandError
from common.manifest import Manifest
from common.raw_zone import RawZone
from common.releases import Releases, publish_dir
from common.settings import raw_dir
from publish.connection import limited_connection

BUNDLED = Path(__file__).parents[1] / "sample" / "convex-export.zip"
_ID = re.compile(rb'"_id":"([^"]+)"')
_QUERY = """
    select
        exists (from palettes where palette_id in (select unnest($palettes)))
        or exists (from answers where answer_id in (select unnest($palette_tags)))
"""


def holds_sample(database: Path) -> bool:
    """Tell whether published tables hold a document of the bundled sample, in whatever form it had landed.

    Raises duckdb.Error.
    """
    try:
        with zipfile.ZipFile(BUNDLED) as archive:
            tables = ("palettes", "palette_tags")
            lines = {table: archive.read(f"{table}/documents.jsonl") for table in tables}
    except (OSError, KeyError, zipfile.BadZipFile, zlib.error):
        return False  # then nobody can have landed it from here
    ids = {table: [text.decode() for text in _ID.findall(lines[table])] for table in lines}
    with limited_connection(database.parent, database, read_only=True) as connection:
        return connection.execute(_QUERY, ids).fetchall() == [(True,)]


def refuse_over_other_data(zone: RawZone, releases: Releases) -> None:
    """Raise CommandError where nothing but made-up data has landed, though a release of other data is current."""
    current = releases.current()
    if current is None:
        return
    runs = zone.active_runs()
    if not all(run.is_sample for run in runs):
        return
    try:
        manifest = Manifest.read(releases.directory / current)
    except CommandError:
        if runs:
            return  # for its error says to publish again
        whose = "something else"
    else:
        if manifest.is_sample:
            return
        whose = "a deployment's data" if manifest.origin in (None, "file") else f"data of {manifest.origin}"
    held = (
        f"made-up data isn't built: {zone.directory} holds nothing else"
        if runs
        else f"the sample isn't landed: {zone.directory} holds no run"
    )
    raise CommandError(
        f"{held}, though {releases.directory} has a release of {whose} "
        f"({current}). Land your data (python -m extract load PATH, or sync), set RAW_DIR to where it is, or set "
        "PUBLISH_DIR to a new folder"
    )


def main() -> int:
    """Return 0 where `make build` may go on; else 1, and say on stderr why not."""
    try:
        refuse_over_other_data(RawZone(raw_dir(None)), Releases(publish_dir(None)))
    except CommandError as error:
        say(f"publish: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(guarded("publish", main))
