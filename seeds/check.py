"""Says in one line each what is wrong with the shape of the analysts' files, and where: `python seeds/check.py`.

dbt's own words for it name neither the line nor what to do, and some typos it takes without a word: a column that was
renamed, a quotation mark that is never closed. What passes is loaded as it is read here, by macros/load_seed.sql. What
the lines say is judged by the tests in `seeds.yml` and `tests/`.
`--fix` fixes what Excel adds: a byte order mark, and Windows line ends.
"""

import csv
import re
import sys
from collections.abc import Container, Iterator
from io import StringIO
from pathlib import Path

import yaml

if not __package__:  # run as a script
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from common.command import guarded

SEEDS = Path(__file__).parent
BOM = b"\xef\xbb\xbf"
CLOSE_IT = "close it, or double it if it is meant"


def problems(content: bytes, columns: list[str], integers: Container[str] = ()) -> Iterator[str]:
    """Yield what is wrong with a CSV file that should hold these columns: `line 3: what it is: what to do`.

    `integers` are those that hold whole numbers.
    """
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        yield "line 1: it is UTF-16: save it as UTF-8 (in Excel, “CSV UTF-8”)"
        return
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        yield f"line {line}: it isn't UTF-8, byte {content[error.start]:#x}: save it as UTF-8 (in Excel, “CSV UTF-8”)"
        return
    if content.startswith(BOM):
        yield "line 1: it begins with a byte order mark, as Excel adds it: run make fix"
    if "\r" in text:
        yield "line 1: its lines end as on Windows: run make fix"
    yield from _wrong_lines(text.removeprefix("\ufeff").replace("\r\n", "\n"), columns, integers)


def _wrong_lines(text: str, columns: list[str], integers: Container[str]) -> Iterator[str]:
    header, expected = text.split("\n", 1)[0], ",".join(columns)
    if header != expected:
        for separator, name in ((";", "semicolons"), ("\t", "tabs")):
            if separator in header:
                yield f"line 1: its values are separated by {name}: save it with commas"
                return
        yield f"line 1: the columns are {header!r} and have to be {expected!r}, as seeds.yml has them"
        return
    end = 0
    lines = csv.reader(StringIO(text), strict=True)
    try:
        for row in lines:
            start, end = end + 1, lines.line_num
            if end > start:
                yield f"line {start}: its quotation mark is closed only in line {end}: {CLOSE_IT}"
            elif row and len(row) < len(columns):
                missing = ", ".join(columns[len(row) :])
                yield f"line {start}: it ends before {missing}: set a comma for each, even where it is empty"
            elif len(row) > len(columns):
                count = f"{len(row)} values for {len(columns)} columns"
                yield f"line {start}: {count}: put a text that holds a comma in quotation marks"
            if start > 1:
                yield from (f"line {start}: {problem}" for problem in _wrong_values(row, columns, integers))
    except csv.Error as error:
        if "field limit" in str(error):
            yield f"line {end + 1}: a value is longer than {csv.field_size_limit():,} characters: shorten it"
        else:
            yield f"line {end + 1}: its quotation mark is never closed, or stands inside a text: {CLOSE_IT}"


def _wrong_values(row: list[str], columns: list[str], integers: Container[str]) -> Iterator[str]:
    if "\ufffd" in "".join(row):
        yield "a character was lost when it was saved (U+FFFD): take the line from git again"
    for column, value in zip(columns, row, strict=False):
        if re.match(' +"', value):  # which DuckDB takes for the beginning of a value in quotation marks
            yield f"{column} begins with a space before a quotation mark: take the space out"
        if column in integers and not re.fullmatch(
            "(-?[0-9]{1,9})?", value
        ):  # DuckDB rounds 1.5, and reads 1e2 and 0x1F
            yield f"{column} is {value!r}: write a whole number"


def main(arguments: list[str]) -> int:
    """Check each seed of `seeds.yml`, after fixing with `--fix`. Return 1 where something is wrong."""
    found = []
    for seed in yaml.safe_load((SEEDS / "seeds.yml").read_text(encoding="utf-8"))["seeds"]:
        path = SEEDS / f"{seed['name']}.csv"
        content = path.read_bytes()
        fixed = content.removeprefix(BOM).replace(b"\r\n", b"\n")
        if "--fix" in arguments and fixed != content:
            path.write_bytes(fixed)
            content = fixed
        columns = [column["name"] for column in seed["columns"]]
        integers = {name for name, kind in seed["config"]["column_types"].items() if kind == "integer"}
        found += [f"seeds/{path.name}, {problem}" for problem in problems(content, columns, integers)]
    print("".join(f"{line}\n" for line in found), end="", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(guarded("seeds/check.py", lambda: main(sys.argv[1:])))
