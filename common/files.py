"""Files on disk: what names their content, and when it is safe."""

import hashlib
import os
from pathlib import Path


def fingerprint(path: Path) -> tuple[int, str]:
    """Return a file's bytes and SHA-256."""
    with path.open("rb") as file:
        return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()


def sync_to_disk(path: Path) -> None:
    """Have the system write what it holds of a file or a directory."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
