"""Made-up data: the bundled sample, and everything that `benchmarks/generate.py` writes.

A run that landed from it says so in its `run.json` (`source.sample`), so that what is made of it never reaches an app.
"""

import re
from pathlib import Path

from common.errors import CommandError
from common.files import fingerprint
from extract.archives import Archive

README = "README.md"
SENTENCE = b"No document in it is real."
"""What the README of a generated export says, and no other export's does."""
KNOWN = {195025: {"594154164df443bd80758dae81b891921d8a18da7e837084100e4b927b415adc"}}
"""The SHA-256 of each sample that was ever bundled, by the bytes of the file: only a file of that size is hashed."""
_README_BYTES = 10_000


def is_sample(archive: Archive) -> bool:
    """Tell whether an archive is made-up data: by its README, by the README beside a single file, or by its SHA-256.

    A single file that was copied away from its README isn't recognised here, nor a ZIP that was rebuilt without it.
    """
    if archive.kind not in ("zip", "directory"):
        return any(_file_says_so(folder / README) for folder in [*archive.path.absolute().parents][:2])
    if _says_so(archive):
        return True
    size = archive.path.stat().st_size
    return archive.kind == "zip" and size in KNOWN and fingerprint(archive.path)[1] in KNOWN[size]


def _says_so(archive: Archive) -> bool:
    """Read each README of a snapshot: another tool may have put folders around everything."""
    files = (archive.tables + archive.listings)[0].files
    for name in files.names():
        try:
            is_readme = re.split(r"[/\\]", name)[-1] == README
            if is_readme and SENTENCE in next(iter(files.blocks(name)), b""):
                return True
        except CommandError:
            continue  # what is damaged is reported where it is read as a table
    return False


def _file_says_so(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return SENTENCE in file.read(_README_BYTES)
    except OSError:
        return False
