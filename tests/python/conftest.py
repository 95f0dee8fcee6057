"""What the tests of `extract` share: ways to make an export, to land it, and to read what landed."""

import json
import os
import signal
import struct
import subprocess
import sys
import time
import zipfile
import zlib
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest
from convex_deployment.control import Deployment
from hypothesis import HealthCheck, settings

from benchmarks.convex_zip import ZipStream
from common.command import TRACEBACK, guarded
from convex.deployment import KEYS, URLS
from convex.network import CERTIFICATES
from extract.cli import main

if TYPE_CHECKING:
    from live import Live
    from published import BuiltPlace

pytest.register_assert_rewrite("comparison", "live", "warehouse")

# A busy machine makes tests slow, not wrong.
settings.register_profile("project", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("project")

# Where the tests run in the background, a shell may have had Ctrl-C ignored, and programs inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 600
"""The longest that a test waits for what has to come: against hangs, and no measure of speed."""
Entries = Mapping[str, bytes | Iterable[bytes]]
UNIFORM = b'"uniform"\n'


@pytest.fixture
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what whoever runs the tests has set for `extract` out of them."""
    network = [name for name in os.environ if name.upper().endswith("_PROXY")] + [*CERTIFICATES]
    for name in ("RAW_DIR", "EXPORT_ZIP_PASSWORD", "FORCE_COLOR", "NO_COLOR", *URLS, *KEYS, *network):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("DBT_PROJECT_DIR", str(ROOT))


@pytest.fixture(scope="session")
def messy(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> "BuiltPlace":
    """A whole build of the sample and of hostile answers, made once for all workers. Change copies of it only."""
    from messy import built_once  # which imports dbt

    base = tmp_path_factory.getbasetemp()
    return built_once((base if worker_id == "master" else base.parent) / "messy")


# Making exports


def documents(*ids: str) -> bytes:
    """The lines of a table that holds a document for each id."""
    return b"".join(b'{"_creationTime":1.5,"_id":"%s"}\n' % name.encode() for name in ids)


def tables_listing(*names: str) -> bytes:
    return b"".join(b'{"name":"%s","id":%d}\n' % (name.encode(), 10001 + n) for n, name in enumerate(names))


def table_entries(**tables: bytes) -> dict[str, bytes]:
    """What a whole snapshot with these tables holds."""
    entries = {"README.md": b"# Export\n", "_tables/documents.jsonl": tables_listing(*tables)}
    for name, lines in tables.items():
        entries[f"{name}/documents.jsonl"] = lines
        entries[f"{name}/generated_schema.jsonl"] = UNIFORM
    return entries


def write_zip(path: Path, entries: Entries) -> Path:
    """Write a ZIP with the container structure of Convex's exports."""
    with path.open("wb") as file:
        archive = ZipStream(file)
        for name, content in entries.items():
            archive.add(name, [content] if isinstance(content, bytes) else content)
        archive.close()
    return path


def write_directory(path: Path, entries: Entries) -> Path:
    for name, content in entries.items():
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else b"".join(content))
    return path


class ZipCrypto:
    """The old encryption of ZIP files (APPNOTE 6.1), the one that `zip -P` uses."""

    _TABLE = tuple(zlib.crc32(bytes([n]), 0xFFFFFFFF) ^ 0xFFFFFFFF for n in range(256))

    def __init__(self, password: bytes) -> None:
        self._keys = 0x12345678, 0x23456789, 0x34567890
        for byte in password:
            self._update(byte)

    def _crc(self, value: int, byte: int) -> int:
        return value >> 8 ^ self._TABLE[(value ^ byte) & 255]

    def _update(self, byte: int) -> None:
        first, second, third = self._keys
        first = self._crc(first, byte)
        second = ((second + (first & 255)) * 134775813 + 1) & 0xFFFFFFFF
        self._keys = first, second, self._crc(third, second >> 24)

    def _mask(self) -> int:
        word = self._keys[2] | 2
        return (word * (word ^ 1) >> 8) & 255

    def encrypt(self, data: bytes) -> bytes:
        out = bytearray()
        for byte in data:
            out.append(byte ^ self._mask())
            self._update(byte)
        return bytes(out)

    def decrypt(self, data: bytes) -> bytes:
        out = bytearray()
        for byte in data:
            out.append(byte ^ self._mask())
            self._update(out[-1])
        return bytes(out)


def write_encrypted_zip(path: Path, entries: Mapping[str, bytes], password: bytes) -> Path:
    """Write a ZIP whose entries are stored under a password."""
    body, directory = b"", b""
    for name, content in entries.items():
        crc = zlib.crc32(content)
        data = ZipCrypto(password).encrypt(bytes(range(11)) + bytes([crc >> 24]) + content)
        common = struct.pack("<HHHHHLLLHH", 20, 1, 0, 0, 0x21, crc, len(data), len(content), len(name), 0)
        directory += b"PK\x01\x02\x14\x03" + common + struct.pack("<HHHLL", 0, 0, 0, 0, len(body)) + name.encode()
        body += b"PK\x03\x04" + common + name.encode() + data
    end = struct.pack("<HHHHLLH", 0, 0, len(entries), len(entries), len(directory), len(body), 0)
    path.write_bytes(body + directory + b"PK\x05\x06" + end)
    return path


def data_span(path: Path, name: str) -> tuple[int, int]:
    """Where the packed data of an entry starts and ends in its ZIP."""
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(name)
    header = path.read_bytes()[info.header_offset : info.header_offset + 30]
    name_length, extra_length = struct.unpack("<HH", header[26:])
    start = info.header_offset + 30 + name_length + extra_length
    return start, start + info.compress_size


# Landing


@dataclass(frozen=True)
class Result:
    """What a command gave back."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Extract:
    """Calls the command line in this process, for the raw zone `raw`."""

    raw: Path
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str | Path) -> Result:
        code = guarded("extract", lambda: main([*map(str, arguments), "--raw-dir", str(self.raw)]))
        return Result(code, *self.capsys.readouterr())

    def load(self, *arguments: str | Path) -> dict[str, Any]:
        """Land something, and return what `--json` says of it."""
        result = self("load", *arguments, "--json")
        assert (result.code, result.err) == (0, "")
        return json.loads(result.out)

    def fails(self, *arguments: str | Path) -> str:
        """Load in vain: one line on stderr, which is returned, and in the raw zone all as it was."""
        before = tree(self.raw)
        result = self("load", *arguments)
        assert_failed_clearly(result)
        assert {".lock": b""} | tree(self.raw) == {".lock": b""} | before
        return result.err


def assert_failed_clearly(result: Result) -> None:
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("extract: ")
    assert result.err.count("\n") == 1
    assert result.err.endswith("\n")
    assert "Traceback" not in result.err
    assert TRACEBACK not in result.err  # which would be an error that nobody foresaw


@pytest.fixture
def extract(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, no_settings: None
) -> Extract:
    monkeypatch.chdir(tmp_path)  # where there is no .env
    return Extract(tmp_path / "raw", capsys)


_IN_A_PROCESS = """\
import json, resource, signal, sys
from extract.cli import main
from common.command import guarded
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a background job may have been started without
limit, no_limit = int(sys.argv.pop(1)), resource.RLIM_INFINITY
resource.setrlimit(resource.RLIMIT_FSIZE, (limit or no_limit, no_limit))
code = guarded("extract", main)
resource.setrlimit(resource.RLIMIT_FSIZE, (no_limit, no_limit))
try:
    status = open("/proc/self/status").read()
    peak = int(status.split("VmHWM:")[1].split()[0]) // 1024  # ru_maxrss knows the memory of the parent too
except FileNotFoundError:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024**2
with open("peak_mb", "w") as file:
    file.write(str(peak))
sys.exit(code)
"""


@dataclass(frozen=True)
class Process:
    """Runs the command line in a process of its own, in the folder `cwd`, for the raw zone `cwd/raw`."""

    cwd: Path

    @contextmanager
    def start(
        self, *arguments: str | Path, file_limit: int = 0, **environment: str
    ) -> Generator[subprocess.Popen[str]]:
        """Start it for the time of a `with` block, at the end of which it is gone."""
        command = [sys.executable, "-c", _IN_A_PROCESS, str(file_limit), *map(str, arguments), "--raw-dir", "raw"]
        pipe = subprocess.PIPE
        env = {**os.environ, **environment}
        with subprocess.Popen(command, cwd=self.cwd, env=env, stdout=pipe, stderr=pipe, text=True) as process:
            try:
                yield process
            finally:
                process.kill()  # which does nothing to one that has ended

    def __call__(self, *arguments: str | Path, file_limit: int = 0, **environment: str) -> Result:
        with self.start(*arguments, file_limit=file_limit, **environment) as process:
            out, err = process.communicate(timeout=PATIENCE_SECONDS)
        return Result(process.returncode, out, err)

    def peak_mb(self) -> int:
        """The most memory that the last process had, in MB."""
        return int((self.cwd / "peak_mb").read_text())

    def wait_until_landing(self, process: subprocess.Popen[str]) -> None:
        """Wait until the run is being written, and stop the process there."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not list(self.cwd.glob("raw/.incoming/*/*.parquet")):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.002)
        process.send_signal(signal.SIGSTOP)


@pytest.fixture
def process(tmp_path: Path, no_settings: None) -> Process:
    return Process(tmp_path)


@pytest.fixture(scope="session")
def big_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """100 MB of documents."""
    path = tmp_path_factory.mktemp("big") / "big.jsonl"
    line = b'{"_creationTime":1763895302000.5,"_id":"k%028d","analysis":{"mood":["calm","%s"]},"seed":"%x"}\n'
    block = b"".join(line % (n, b"tag " * 40, n * 2654435761) for n in range(4000))
    with path.open("wb") as file:
        while file.tell() < 100e6:
            file.write(block)
    return path


# Reading what landed


def tree(folder: Path) -> dict[str, bytes]:
    """All files below a folder, with their content."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def run_folders(raw: Path) -> list[Path]:
    """The visible runs, oldest first."""
    return sorted(path for path in raw.glob("[!.]*"))


def rows(raw: Path, table: str) -> list[dict[str, Any]]:
    """All rows of a table in the newest run."""
    return pq.read_table(run_folders(raw)[-1] / f"{table}.parquet", partitioning=None).to_pylist()


def landed(raw: Path, table: str) -> list[bytes]:
    """The documents of a table in the newest run, as bytes, in their order."""
    return [row["document"].encode() for row in rows(raw, table) if row["_op"] == "upsert"]


def rejected(raw: Path) -> list[dict[str, Any]]:
    """What the newest run has set aside."""
    return rows(raw, "_rejected")


# A deployment


@pytest.fixture
def live(extract: Extract, monkeypatch: pytest.MonkeyPatch) -> Generator["Live"]:
    """A deployment, and a command line that is set to follow it."""
    from live import Live  # which imports this module

    def use(url: str, key: str) -> None:
        monkeypatch.setenv("CONVEX_URL", url)
        monkeypatch.setenv("CONVEX_DEPLOY_KEY", key)

    with Deployment.start() as deployment:
        use(deployment.url, deployment.key)
        yield Live(deployment, extract, use)
