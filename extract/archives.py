"""What can be loaded: a snapshot ZIP of `npx convex export`, a directory with the same layout, or one JSON Lines file.

A Convex snapshot holds, for the root and for every component under `_components/<name>/` (nested likewise),
`_tables/documents.jsonl`, and `documents.jsonl` with `generated_schema.jsonl` for each table. Its entries are streamed
with ZIP64 descriptors that only the central directory explains, so the ZIP must be a file on disk.
"""

import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from extract.errors import ExtractError
from extract.rawzone import TableName
from extract.settings import setting

BLOCK_BYTES = 1024 * 1024
PASSWORD = "EXPORT_ZIP_PASSWORD"  # noqa: S105 - the variable's name, not its value
ENCRYPTED = 0x1
"""The bit of a ZIP entry's flags that says so."""
DOCUMENTS = "documents.jsonl"
SCHEMA = "generated_schema.jsonl"

_ENTRY = re.compile(rf"(?P<components>(?:_components/[^/]+/)*)(?P<table>[^/]+)/(?P<file>{DOCUMENTS}|{SCHEMA})")
_COMPONENT = re.compile("_components/([^/]+)/")
_SNAPSHOT_NAME = re.compile(r"snapshot_.*_(\d{18,19})(?: \(\d+\))?\.zip")


class _Files(Protocol):
    """Named streams of bytes: a ZIP or a directory."""

    def names(self) -> list[str]: ...
    def size(self, name: str) -> int: ...
    def blocks(self, name: str) -> Iterator[bytes]: ...


@dataclass(frozen=True)
class TableSource:
    """One table of an archive: where its documents are, and its schema if the archive has one."""

    name: TableName
    files: _Files
    documents: str
    schema: str | None
    is_in_snapshot: bool = True
    """False for a file by itself, which has no schema beside it."""

    @property
    def size(self) -> int:
        """Uncompressed bytes of the documents."""
        return self.files.size(self.documents)

    def blocks(self) -> Iterator[bytes]:
        """Yield the documents in blocks of a few MiB. Raises ExtractError where the archive is damaged."""
        return self.files.blocks(self.documents)

    def schema_blocks(self) -> Iterator[bytes]:
        """Yield `generated_schema.jsonl` in blocks; nothing where there is none."""
        return self.files.blocks(self.schema) if self.schema else iter(())


@dataclass(frozen=True)
class Archive:
    """The tables of a snapshot. `ignored` names what lies in it and is no table."""

    kind: str
    path: Path
    tables: list[TableSource]
    listings: list[TableSource]
    """The `_tables` of the root and of each component: what the snapshot says it holds."""
    ignored: list[str]

    @property
    def snapshot_ts(self) -> int | None:
        """Nanoseconds since 1970, read in the name that Convex gives to a download."""
        match = _SNAPSHOT_NAME.fullmatch(self.path.name)
        return int(match[1]) if match else None


@contextmanager
def open_archive(path: Path, table: str | None = None) -> Generator[Archive]:
    """Open a ZIP, a directory or one `TABLE.jsonl`; `table` names the table where the file's name doesn't.

    Raises ExtractError if there is nothing at `path`, or if it is none of the three.
    """
    is_snapshot = path.is_dir() or (path.is_file() and (path.suffix.lower() == ".zip" or _is_zip(path)))
    if table and is_snapshot:
        raise ExtractError(f"--table names the table of a single file, and {path} is a snapshot: choose with --only")
    if path.is_dir():
        yield _snapshot("directory", path, _Directory(path))
    elif not path.exists():
        raise ExtractError(f"{path} doesn't exist: give a snapshot ZIP, a directory of one, or a TABLE.jsonl file")
    elif is_snapshot:
        with _open_zip(path) as archive:
            yield _snapshot("zip", path, _Zip(path, archive))
    elif path.suffix.lower() in {".jsonl", ".ndjson"} or table:
        yield _single_file(path, table)
    else:
        raise ExtractError(f"{path} is neither a snapshot ZIP, a directory, nor a .jsonl file (or say --table NAME)")


def check_zip(path: Path) -> None:
    """Read a ZIP from end to end. Raises ExtractError if an entry's length or checksum isn't what the ZIP says."""
    with _open_zip(path) as archive:
        files = _Zip(path, archive)
        for name in files.names():
            for _ in files.blocks(name):
                pass


def _single_file(path: Path, table: str | None) -> Archive:
    named = table or ("" if path.name == DOCUMENTS else path.stem)
    try:
        table_name = TableName.parse(named)
    except ValueError:
        raise ExtractError(f"{path.name} doesn't say which table it holds: add --table NAME") from None
    source = TableSource(table_name, _Directory(path.parent), path.name, schema=None, is_in_snapshot=False)
    return Archive("jsonl", path, [source], [], [])


def _snapshot(kind: str, path: Path, files: _Files) -> Archive:
    entries: dict[TableName, dict[str, str]] = {}
    ignored = []
    for name in files.names():
        match = _ENTRY.fullmatch(name)
        try:
            components = "/".join(_COMPONENT.findall(match["components"])) if match else ""
            entries.setdefault(TableName(components, match["table"] if match else ""), {})[_file(name)] = name
        except ValueError:
            if not name.endswith("/") and name != "README.md":
                ignored.append(name)
    sources = [
        TableSource(name, files, found[DOCUMENTS], found.get(SCHEMA))
        for name, found in entries.items()
        if DOCUMENTS in found
    ]
    if not sources:
        raise ExtractError(f"{path} holds no TABLE/{DOCUMENTS}: it isn't a Convex snapshot")
    tables = [source for source in sources if source.name.table != "_tables"]
    listings = [source for source in sources if source.name.table == "_tables"]
    return Archive(kind, path, tables, listings, ignored)


def _file(name: str) -> str:
    return name.rsplit("/", 1)[-1]


class _Directory:
    def __init__(self, root: Path):
        self._root = root

    def names(self) -> list[str]:
        return sorted(str(path.relative_to(self._root).as_posix()) for path in self._root.rglob("*") if path.is_file())

    def size(self, name: str) -> int:
        return (self._root / name).stat().st_size

    def blocks(self, name: str) -> Iterator[bytes]:
        path = self._root / name
        try:
            with path.open("rb") as file:
                yield from _read(file)
        except OSError as error:
            raise ExtractError(f"can't read {path}: {error.strerror or error}. Nothing was landed") from error


class _Zip:
    def __init__(self, path: Path, archive: zipfile.ZipFile):
        self._path = path
        self._archive = archive

    def names(self) -> list[str]:
        return [info.filename for info in self._archive.infolist()]

    def size(self, name: str) -> int:
        return self._archive.getinfo(name).file_size

    def blocks(self, name: str) -> Iterator[bytes]:
        password = (setting(PASSWORD) or "").encode(errors="surrogateescape") or None
        try:
            with self._archive.open(name, pwd=password) as file:
                yield from _read(file)
        except NotImplementedError as error:
            raise ExtractError(
                f"{self._path}: {name} is packed in a way that isn't supported ({error}): unpack the ZIP with another "
                "tool and load the directory. Nothing was landed"
            ) from error
        except RuntimeError as error:  # zipfile's own for a password that is missing or wrong
            raise ExtractError(
                f"{self._path} is encrypted, and the password is {'wrong' if password else 'missing'}: "
                f"set {PASSWORD} in the environment. Nothing was landed"
            ) from error
        except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError, struct.error) as error:
            reason = str(error) or "its data ends too early"
            if self._archive.getinfo(name).flag_bits & ENCRYPTED:
                reason += f", or {PASSWORD} is wrong"
            raise ExtractError(
                f"{self._path} is damaged: {name} can't be read ({reason}). Nothing was landed; download it again"
            ) from None


def _is_zip(path: Path) -> bool:
    try:
        return zipfile.is_zipfile(path)
    except zipfile.BadZipFile:  # a ZIP of a kind that can't be read
        return True


def _open_zip(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, struct.error) as error:
        raise ExtractError(
            f"{path} is no readable ZIP ({error}): it may be cut short, so download the snapshot again. "
            "Nothing was landed"
        ) from error


def _read(file: IO[bytes]) -> Iterator[bytes]:
    while block := file.read(BLOCK_BYTES):
        yield block
