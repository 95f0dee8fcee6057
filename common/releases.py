"""The releases: one directory each, made visible by a rename, and a link to the one that counts.

<publish_dir>/<build_id>/            a release; it never changes
<publish_dir>/current -> <build_id>  what readers open; switched by renaming a new link over it
<publish_dir>/.incoming/             a release being written, or one being deleted; nobody reads it
<publish_dir>/.lock                  held by the one process that publishes
"""

import re
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from common.errors import CommandError
from common.files import atomic_directory, locked, sync_to_disk
from common.manifest import Manifest
from common.paths import path_of
from common.progress import Tell, silent
from common.settings import setting
from palette import given_path

DEFAULT_PUBLISH_DIR = "data/published"
CURRENT = "current"
BUILD_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{12}")
"""Later builds are greater as text."""


def publish_dir(flag: str | None) -> Path:
    """Return where the releases are: `--publish-dir`, else `PUBLISH_DIR`, else `data/published`.

    Raises CommandError where no database can be written.
    """
    name, text = ("--publish-dir", flag) if flag else ("PUBLISH_DIR", setting("PUBLISH_DIR") or DEFAULT_PUBLISH_DIR)
    path = path_of(name, text)
    if "?" in str(path.absolute()):
        reason = "DuckDB can write no database below a folder with a ? in its name"
        raise CommandError(f"{name}={text}: {reason}: choose another")
    return path


class Releases:
    """The directory that holds the releases."""

    def __init__(self, directory: Path):
        self.directory = directory
        self._incoming = directory / ".incoming"

    def ids(self) -> list[str]:
        """Return the ids of the visible releases, oldest first."""
        if not self.directory.is_dir():
            return []
        return sorted(path.name for path in self.directory.iterdir() if BUILD_ID.fullmatch(path.name))

    def current(self) -> str | None:
        """Return the id of the release that readers open; None where nothing is published."""
        link = self.directory / CURRENT
        return link.readlink().name if link.is_symlink() else None

    def manifest(self, report: Tell = silent) -> Manifest | None:
        """Return the manifest of the current release; None where there is none, or where it can't be read."""
        current = self.current()
        try:
            return Manifest.read(self.directory / current) if current else None
        except CommandError as error:
            report(f"nothing is compared with the last release: {error}")
            return None

    def find(self, name: str | None) -> Path:
        """Return the directory of a release: a build id, or a path; without one, the current. Raises CommandError."""
        if name is None:
            current = self.current()
            if current is None:
                raise CommandError(
                    f"{self.directory} holds no release yet: run make build (or dbt build, python -m publish)"
                )
            return self.directory / current
        for path in (self.directory / name, Path(given_path(name))):
            if path.is_dir():
                return path.resolve()
        raise CommandError(
            f"there is no release {name} in {self.directory}: it holds {', '.join(self.ids()) or 'none'}"
        )

    @contextmanager
    def lock(self) -> Generator[None]:
        """Hold the lock, and clear what a crash has left. Raises CommandError if another process holds it."""
        with locked(self.directory / ".lock", "PUBLISH_DIR"):
            shutil.rmtree(self._incoming, ignore_errors=True)
            try:
                yield
            finally:
                shutil.rmtree(self._incoming, ignore_errors=True)

    @contextmanager
    def new(self, build_id: str) -> Generator[Path]:
        """Write a release: visible, whole and on disk when the block ends, gone without a trace when it raises."""
        with atomic_directory(self.directory / build_id, self._incoming) as directory:
            yield directory
            for path in directory.rglob("*"):
                if path.is_file():
                    path.chmod(path.stat().st_mode & ~0o222)  # nobody changes it by opening it

    def switch(self, build_id: str) -> None:
        """Make a release the current one, in one step."""
        self._incoming.mkdir(exist_ok=True)
        link = self._incoming / CURRENT
        link.symlink_to(build_id)
        link.rename(self.directory / CURRENT)
        sync_to_disk(self.directory)

    def prune(self, keep: int) -> list[str]:
        """Delete all releases but the last `keep` and the current one, and return their ids."""
        gone = [build_id for build_id in self.ids()[:-keep] if build_id != self.current()]
        self._incoming.mkdir(exist_ok=True)
        for build_id in gone:
            (self.directory / build_id).rename(self._incoming / build_id)  # no half of it is ever visible
        return gone
