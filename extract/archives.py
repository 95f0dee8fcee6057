"""What can be loaded: a snapshot ZIP of `npx convex export`, a directory with the same layout, or one file of a table.

A Convex snapshot holds, for the root and for every component under `_components/<name>/` (nested likewise),
`_tables/documents.jsonl`, and `documents.jsonl` with `generated_schema.jsonl` for each table. Its entries are streamed
with ZIP64 descriptors that only the central directory explains, so the ZIP must be a file on disk.

Other tools rebuild such a ZIP with backslashes or `./` in its names, with one folder around everything, or with
files of their own beside: the same snapshot is read in it. Names are only compared; nothing is ever written under one.
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
from typing import IO, Literal, Protocol

from common.errors import CommandError
from common.settings import setting
from common.text import visible
from convex.tables import TableName
from extract.forms import BLOCK_BYTES, HEAD_BYTES, WHAT_LANDS, begins_with

PASSWORD = "EXPORT_ZIP_PASSWORD"  # noqa: S105 - the variable's name, not its value
ENCRYPTED = 0x1
"""The bit of a ZIP entry's flags that says so."""
DOCUMENTS = "documents.jsonl"
SCHEMA = "generated_schema.jsonl"

SUFFIXES = {".jsonl", ".ndjson", ".json"}
PACKED_SUFFIXES = {".gz", ".zst", ".zstd"}

_ENTRY = re.compile(rf"(?P<components>(?:_components/[^/]+/)*)(?P<table>[^/]+)/(?P<file>{DOCUMENTS}|{SCHEMA})")
_COMPONENT = re.compile("_components/([^/]+)/")
_JUNK = re.compile(r"(?:.*/)?(?:__MACOSX/.*|\.DS_Store|\._[^/]*|(?i:Thumbs\.db|desktop\.ini))", re.DOTALL)
"""What operating systems put beside files."""
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
    """False for a file by itself that never had a schema beside it."""

    @property
    def size(self) -> int:
        """Uncompressed bytes of the documents."""
        return self.files.size(self.documents)

    def blocks(self) -> Iterator[bytes]:
        """Yield the documents in blocks of a few MiB. Raises CommandError where the archive is damaged."""
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

    Raises CommandError if there is nothing at `path`, or if it is none of the three.
    """
    kind = _kind(path)
    if table and kind in ("directory", "zip"):
        raise CommandError(f"--table names the table of a single file, and {path} is a snapshot: choose with --only")
    if kind == "directory":
        yield _snapshot("directory", path, _Directory(path))
    elif kind == "nothing":
        raise CommandError(f"{path} doesn't exist: give a snapshot ZIP, a directory of one, or a TABLE.jsonl file")
    elif kind == "zip":
        with _open_zip(path) as archive:
            yield _snapshot("zip", path, _Zip(path, archive))
    elif _unpacked_name(path).suffix.lower() in SUFFIXES or table:
        yield _single_file(path, table)
    else:
        raise CommandError(
            f"{path} is neither a snapshot ZIP, a directory, nor a .jsonl or .json file; if it holds documents, say of "
            "which table: --table NAME"
        )


def _kind(path: Path) -> Literal["directory", "nothing", "zip", "file"]:
    try:
        if path.is_dir():
            return "directory"
        if not path.exists():
            return "nothing"
        is_zip = path.is_file() and (path.suffix.lower() == ".zip" or _is_zip(path))
    except OSError as error:
        raise CommandError(f"can't read {path}: {error.strerror or error}. Nothing was landed") from error
    return "zip" if is_zip else "file"


def _unpacked_name(path: Path) -> Path:
    """Return the path without a suffix that says how the file is packed."""
    return path.with_suffix("") if path.suffix.lower() in PACKED_SUFFIXES else path


def check_zip(path: Path) -> None:
    """Read a ZIP from end to end. Raises CommandError if an entry's length or checksum isn't what the ZIP says."""
    with _open_zip(path) as archive:
        files = _Zip(path, archive)
        for name in files.names():
            for _ in files.blocks(name):
                pass


def _single_file(path: Path, table: str | None) -> Archive:
    unpacked = _unpacked_name(path)
    is_from_snapshot = unpacked.name == DOCUMENTS
    try:
        table_name = TableName.parse(table or ("" if is_from_snapshot else unpacked.stem))
    except ValueError as error:
        if table:
            raise CommandError(f"--table {table}: {error}: write TABLE, or COMPONENT.TABLE") from None
        raise CommandError(f"{path.name} doesn't say which table it holds: add --table NAME") from None
    schema = SCHEMA if is_from_snapshot and path.with_name(SCHEMA).is_file() else None
    source = TableSource(table_name, _Directory(path.parent), path.name, schema, is_from_snapshot)
    return Archive("jsonl", path, [source], [], [])


def _snapshot(kind: str, path: Path, files: _Files) -> Archive:
    entries: dict[TableName, dict[str, str]] = {}
    ignored = []
    names = _without_folder([(_plain(name), name) for name in files.names()])
    for plain, name in names:
        match = _ENTRY.fullmatch(plain)
        try:
            components = "/".join(_COMPONENT.findall(match["components"])) if match else ""
            entry = entries.setdefault(TableName(components, match["table"] if match else ""), {})
        except ValueError:
            if not plain.endswith("/") and plain != "README.md":
                ignored.append(name)
            continue
        if twin := entry.get(_file(plain)):
            raise CommandError(
                f"{path} holds {twin} twice{'' if name == twin else f', once as {name}'}: which one counts can't be "
                "told. Nothing was landed; take a new snapshot"
            )
        entry[_file(plain)] = name
    sources = [
        TableSource(name, files, found[DOCUMENTS], found.get(SCHEMA))
        for name, found in entries.items()
        if DOCUMENTS in found
    ]
    if not sources:
        raise CommandError(f"{path} holds no TABLE/{DOCUMENTS}: it isn't a Convex snapshot{_held(names)}")
    tables = [source for source in sources if source.name.table != "_tables"]
    listings = [source for source in sources if source.name.table == "_tables"]
    return Archive(kind, path, tables, listings, ignored)


def _plain(name: str) -> str:
    """Return a name as Convex writes it: with slashes, and without `.` for the folder itself."""
    parts = name.replace("\\", "/").split("/")
    return "/".join(part for part in parts if part != ".")


def _without_folder(names: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Take away folders that are around all documents, until there are tables or no such folder. Junk is left out."""
    names = [(plain, name) for plain, name in names if not _JUNK.fullmatch(plain)]
    while not any(_ENTRY.fullmatch(plain) for plain, _ in names):
        folders = {plain.partition("/")[0] for plain, _ in names if _file(plain) == DOCUMENTS and "/" in plain}
        if len(folders) != 1 or folders <= {"", ".."}:
            break
        folder = f"{folders.pop()}/"
        names = [(plain.removeprefix(folder), name) for plain, name in names]
    return names


def _held(names: list[tuple[str, str]]) -> str:
    """Say what there is instead, if that could be loaded by itself."""
    found = [name for plain, name in names if Path(plain).suffix.lower() in SUFFIXES]
    shown = ", ".join(map(visible, found[:3])) + (" …" if len(found) > 3 else "")
    return f". It holds {shown}: load each of these by itself" if found else ""


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
            raise CommandError(f"can't read {path}: {error.strerror or error}. Nothing was landed") from error


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
            raise CommandError(
                f"{self._path}: {name} is packed in a way that isn't supported ({error}): unpack the ZIP with another "
                "tool and load the directory. Nothing was landed"
            ) from error
        except RuntimeError as error:  # zipfile's own for a password that is missing or wrong
            raise CommandError(
                f"{self._path} is encrypted, and the password is {'wrong' if password else 'missing'}: "
                f"set {PASSWORD} in the environment. Nothing was landed"
            ) from error
        except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError, struct.error) as error:
            reason = str(error) or "its data ends too early"
            if self._archive.getinfo(name).flag_bits & ENCRYPTED:
                reason += f", or {PASSWORD} is wrong"
            raise CommandError(
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
        raise CommandError(f"{path} is no readable ZIP ({error}): {_seems(path)}. Nothing was landed") from error


def _seems(path: Path) -> str:
    """Say what may be wrong with a file that should be a ZIP: it was cut, or something else was sent in its place."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError:
        head = b""
    is_cut = not head or head.startswith(b"PK") or b"\x00" in head
    return "it may be cut short, so download the snapshot again" if is_cut else f"{begins_with(head)}; {WHAT_LANDS}"


def _read(file: IO[bytes]) -> Iterator[bytes]:
    while block := file.read(BLOCK_BYTES):
        yield block
