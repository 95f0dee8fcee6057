"""`python -m publish.up_to_date`: tell whether the current release is what a build and `publish` would make now.

It is where the raw zone, the code, the seeds, the settings and the versions are those of the release, and the database
those of its build. Then `make build` has nothing to do.
"""

import sys

from common.command import guarded
from common.dbt import database_path
from common.errors import CommandError
from common.inputs import inputs
from common.manifest import Manifest, differences
from common.raw_zone import RawZone
from common.releases import Releases, publish_dir
from common.settings import raw_dir
from publish.build import read_runs


def up_to_date(releases: Releases, zone: RawZone) -> Manifest | None:
    """Return the manifest of the current release, if a build would make the same again; None if not, or if unsure."""
    manifest = releases.manifest()
    if manifest is None or manifest.unit_tests is None or manifest.unit_tests.passed_at is None:
        return None
    is_same = (
        manifest.inputs == inputs()
        and {run.run_id for run in manifest.source_runs} == {run.run_id for run in zone.active_runs()}
        and _invocation_id().startswith(manifest.build_id.partition("-")[2])
        and not differences(releases.directory / manifest.build_id)
    )
    return manifest if is_same else None


def _invocation_id() -> str:
    """Return the id of the dbt command that made the database, without dashes; empty where that isn't known."""
    try:
        ids = {row[0] for row in read_runs(database_path())}
    except CommandError:
        return ""
    return ids.pop().replace("-", "") if len(ids) == 1 else ""


def main() -> int:
    """Return 0 and say so where nothing is to be done, else 1."""
    try:
        manifest = up_to_date(Releases(publish_dir(None)), RawZone(raw_dir(None)))
    except CommandError:  # whatever it is, the build says it
        return 1
    if manifest is None:
        return 1
    print(f"nothing has changed since release {manifest.build_id}: nothing is built (FORCE=1 builds it all the same)")
    return 0


if __name__ == "__main__":
    sys.exit(guarded("up_to_date", main))
