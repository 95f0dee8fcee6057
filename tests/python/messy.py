"""The build that tests share: the sample, with answers that no code expects. All of dbt's tests ran on it.

The fixture `messy` makes it once, for all workers. Whoever changes it works on a copy (`BuiltPlace.copied`).
"""

import fcntl
import json
import zipfile
from pathlib import Path

from published import BuiltPlace
from warehouse import PROJECT, Warehouse

SAMPLE = PROJECT / "sample" / "convex-export.zip"

# What a model said, and the key by which it is counted.
HOSTILE = {
    "a\x00b": "a\x00b",
    "🧑\u200d🚀": "🧑\u200d🚀",
    "\u200fשלום": "\u200fשלום",
    "__proto__": "__proto__",
    "凉": "凉",
    "l\u2028s": "l s",
    "$integer": "$integer",
    "'; drop table palettes; --": "'; drop table palettes; --",
    '"': '"',
    "\\": "\\",
    "İ": "i",
    "\ufeff": "",
}
MARKS = "".join(map(chr, range(0x0300, 0x0370)))
ENDLESS = ["e" + MARKS * 720, "\ufeffÉ\n" + MARKS * 4800 + " "]
"""80,000 and half a million combining marks in one tag: a minute and half an hour of NFC, which takes the square."""
EVERYWHERE = "a\x00b\x1b[31m\u202e```|<script>\u2028\n\r\u200f"
"""A text that is an id, a palette, a model and a tag at once."""

# A palette whose rows come before all others, so that the pages show them.
SEED = "!<img src=x onerror=window.ran=1>"
SCRIPT = "<script>window.ran=1</script>"
ATTACKS = [SCRIPT, "</script><img src=x onerror=window.ran=1>", "a\u202eb\u200fc", "nul\0here", "שלום", "{{7*7}}"]


def answers() -> list[str]:
    """Return the answers that landed: those of the sample and those that no code expects."""
    with zipfile.ZipFile(SAMPLE) as export:
        of_the_sample = export.read("palette_tags/documents.jsonl").decode().split("\n")[:-1]
    hostile = {"_id": "h", "_creationTime": 1.5, "seed": "hostile", "promptVersion": "v", "model": "m", "provider": "p"}
    # To one who takes letters of either case for the same, "other" is the same palette, and its tags are one.
    other = hostile | {"seed": "HOSTILE", "promptVersion": "V"}
    everywhere = hostile | dict.fromkeys(("_id", "seed", "model"), EVERYWHERE)
    attack = hostile | {"_id": "!", "seed": SEED, "promptVersion": "0", "model": SCRIPT}
    said = [
        hostile | {"tags": {"mood": [*HOSTILE]}},
        hostile | {"_id": "marks", "seed": "marks", "tags": {"style": ENDLESS}},
        other | {"_id": "H", "tags": {"mood": ["Calm", "CALM", "é", "É"]}},
        other | {"_id": "N", "promptVersion": "v", "model": "M", "tags": {"mood": ["calm", "e", None, 7, ""]}},
        everywhere | {"tags": {"mood": [EVERYWHERE, "pensive"], "style": EVERYWHERE}},
        attack | {"tags": {"mood": ATTACKS, "brightness": SCRIPT, SCRIPT: "x"}},
    ]
    return [*of_the_sample, *map(json.dumps, said)]


def built_once(directory: Path) -> BuiltPlace:
    """Build in a directory, or wait for whoever builds there, and return what is built."""
    directory.mkdir(exist_ok=True)
    warehouse = Warehouse(directory)
    warehouse.database = directory / "build.of.sample.duckdb"  # which DuckDB calls build
    whole = directory / "whole"
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not whole.exists():
            warehouse.land(SAMPLE)
            warehouse.land_documents("palette_tags", answers())
            warehouse.run("build", "--selector", "everything")
            warehouse.run("docs", "generate", "--target-path", str(directory / "docs"))
            whole.touch()
    return BuiltPlace(warehouse.database, warehouse.raw_dir, warehouse.target)
