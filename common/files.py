"""Files on disk: what names their content, when it is safe, and who may write."""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from common.errors import CommandError


class Busy(CommandError):
    """Another process holds the lock."""


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


@contextmanager
def locked(path: Path, setting: str, *, waits: bool = False) -> Generator[None]:
    """Hold a lock. The system lets go of it when the process ends, however that happens.

    Raises Busy if another process holds it, unless `waits`; and CommandError, which names the setting of the directory,
    if it can't be had there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+")
    except OSError as error:
        raise CommandError(f"can't write to {path.parent}: {error.strerror}; set {setting}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
        except BlockingIOError as error:
            raise Busy(f"another process is writing to {path.parent}: wait until it is done, then try again") from error
        except OSError as error:
            raise CommandError(
                f"{path} can't be locked ({error.strerror}): set {setting} to a disk that has locks"
            ) from error
        yield


@contextmanager
def atomic_directory(path: Path, incoming: Path) -> Generator[Path]:
    """Write a directory: visible, whole and on disk when the block ends, gone without a trace when it raises.

    It is written in `incoming`, on the same disk. Nobody else may write there, so what is there is what a crash left.
    """
    shutil.rmtree(incoming, ignore_errors=True)
    directory = incoming / path.name
    try:
        directory.mkdir(parents=True)
        yield directory
        for written in (*directory.rglob("*"), directory):
            sync_to_disk(written)
        directory.rename(path)
        sync_to_disk(path.parent)
    finally:
        shutil.rmtree(incoming, ignore_errors=True)
