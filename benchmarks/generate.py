"""Generates a Convex snapshot export of any size: `python benchmarks/generate.py --help`."""

import argparse
import errno
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
from pathlib import Path
from typing import get_args

if not __package__:  # run as a script
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.answers import RESULTS_PER_PALETTE, Progress, World
from benchmarks.convex_zip import Encoding, ZipStream, to_json
from benchmarks.tables import Table, make_tables
from common.command import TRACEBACK_HELP, guarded

README = "# Snapshot export\n\nGenerated in the format of a Convex snapshot export. No document in it is real.\n"
LINES_PER_BLOCK = 256


def generate(
    out: Path,
    palettes: int,
    seed: int,
    *,
    encoding: Encoding = "uniform",
    clean: bool = False,
    progress: Progress | None = None,
) -> int:
    """Write an export to `out` and return the number of `palette_tags` documents in it.

    The same arguments make the same bytes (with the same build of zlib). The file appears under its name when it is
    whole: until then it is `out` with `.part` added, which is removed if anything goes wrong. Memory stays constant
    whatever the size. Raises OSError when the file can't be written.
    """
    if out.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a directory")
    world = World(palettes, seed, clean, encoding)
    part = out.with_name(f"{out.name}.part")
    try:
        with part.open("wb") as file:
            archive = ZipStream(file)
            _write(archive, make_tables(world, progress), encoding)
            archive.close()
        part.replace(out)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return world.results


def _write(archive: ZipStream, tables: list[Table], encoding: Encoding) -> None:
    """Write all entries, in the order of Convex's export: README, every `_tables`, then the tables by size."""
    archive.add("README.md", [README.encode()])
    by_folder = sorted(tables, key=lambda table: (table.folder, table.number))
    for folder, members in groupby(by_folder, key=lambda table: table.folder):
        archive.add(f"{folder}_tables/documents.jsonl", _blocks(_table_line(table, encoding) for table in members))
    for table in tables:
        archive.add(f"{table.folder}{table.name}/documents.jsonl", _blocks(table.lines()))
        schema = ['"uniform"'] if encoding == "uniform" else [to_json(table.shape), *table.overrides]
        archive.add(f"{table.folder}{table.name}/generated_schema.jsonl", _blocks(schema))


def _table_line(table: Table, encoding: Encoding) -> str:
    """Name a table. Convex writes this object unsorted, name first; in older exports the number may be a float."""
    return f'{{"name":"{table.name}","id":{table.number}{".0" if encoding == "legacy" else ""}}}'


def _blocks(lines: Iterable[str]) -> Iterator[bytes]:
    """Encode lines, each ended by a line feed, some hundred at a time."""
    remaining = iter(lines)
    while block := list(islice(remaining, LINES_PER_BLOCK)):
        yield "\n".join([*block, ""]).encode()


def _show_progress(done: int, total: int) -> None:
    print(f"\r{done:,} of {total:,} results ({done / total:.0%})", end="", file=sys.stderr, flush=True)


def _palette_count(text: str) -> int:
    if not (text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} isn't a whole number from 1 up")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python benchmarks/generate.py",
        description="Generate a Convex snapshot export (ZIP): palettes, and the tags that twelve models gave them.",
        epilog=f"Each palette has {RESULTS_PER_PALETTE} results: 12 models x 3 prompt versions x 2 runs. About 6 % of "
        "the results are spoilt, in every way that models spoil them, each way in turn: 20 palettes show them all. "
        "At today's scale, 2.9 million results: python benchmarks/generate.py --palettes 40000 --out /tmp/full.zip. "
        f"{TRACEBACK_HELP[0].upper()}{TRACEBACK_HELP[1:]}.",
    )
    parser.add_argument("--palettes", type=_palette_count, required=True, metavar="N", help="number of palettes")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="same N and S, same file (default: 1)")
    parser.add_argument("--out", type=Path, required=True, metavar="X.zip", help="the file to write, or to replace")
    parser.add_argument(
        "--format",
        choices=get_args(Encoding),
        default="uniform",
        help="uniform: exports since March 2026 (default); legacy: before, lossy JSON beside a textual schema",
    )
    parser.add_argument("--clean", action="store_true", help="leave out every mess, failure and missing palette")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line. Returns the exit code: 0 done, 1 failed, 130 interrupted; wrong usage exits with 2."""
    options = _parser().parse_args(arguments)
    progress = _show_progress if sys.stderr.isatty() else None
    line_end = "\n" if progress else ""
    try:
        results = generate(
            options.out,
            options.palettes,
            options.seed,
            encoding=options.format,
            clean=options.clean,
            progress=progress,
        )
    except OSError as error:
        print(f"{line_end}can't write {options.out}: {error.strerror or error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{line_end}interrupted: nothing was written", file=sys.stderr)
        return 130
    print(end=line_end, file=sys.stderr)
    print(f"{options.out}: {results:,} results of {options.palettes:,} palettes, {options.out.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(guarded("generate", main))
