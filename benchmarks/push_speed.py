"""`python -m benchmarks.push_speed [RELEASE]`: how long a push of a release takes, and what other ways would cost.

The release (default: the current one) is pushed to a deployment of the tests, which parses it and applies Convex's
rules: once into empty tables, then over what is there. Times are those of the process, most of which it waits for that
server, which is plain Python. What mutations would cost is computed: 1 MiB or 1,000 rows each (16 MiB and 16,000 are
Convex's limits), and 4 MiB a second, which is what a deployment of the smallest class writes.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import zipfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.measuring import PROJECT, Cost, measure
from tests.convex_deployment.control import Deployment

MEBIBYTE = 1 << 20


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("release", nargs="?", type=Path, default=Path("data/published/current"), metavar="RELEASE")
    parser.add_argument("--runs", type=int, default=3, help="how often each way is run (3)")
    options = parser.parse_args()
    folder = options.release.resolve()
    costs: dict[str, list[Cost]] = {"into empty tables": [], "over the last push": []}
    for _ in range(options.runs):
        with Deployment.start() as deployment:
            for found in costs.values():
                found.append(push(folder, deployment))
    with zipfile.ZipFile(folder / "convex" / "import.zip") as archive:
        documents = archive.read("palette_tag_consensus/documents.jsonl")
    rows, size = documents.count(b"\n"), len(documents)
    packed = (folder / "convex" / "import.zip").stat().st_size
    table = Table(
        "push", "wall s", "CPU s", "peak MB", title=f"{rows:,} rows of the consensus, medians of {options.runs}"
    )
    for what, found in costs.items():
        wall, cpu, peak = (statistics.median(getattr(cost, name) for cost in found) for name in ("wall", "cpu", "peak"))
        table.add_row(what, f"{wall:.1f}", f"{cpu:.1f}", f"{peak:,.0f}")
    Console().print(table)
    mutations = max(math.ceil(size / MEBIBYTE), math.ceil(rows / 1000))
    print(f"{size / 1e6:.1f} MB of JSON, {packed / 1e6:.1f} MB as a ZIP")
    print(
        f"mutations: {mutations:,} transactions, {size / MEBIBYTE / 4:.0f} s at 4 MiB a second, as much again to delete"
    )


def push(folder: Path, deployment: Deployment) -> Cost:
    """Push, and check that everything landed."""
    settings = {"CONVEX_URL": deployment.url, "CONVEX_PUBLISH_KEY": deployment.key}
    command = [sys.executable, "-m", "publish", "push", str(folder)]
    cost = measure([*command, "--overwrite"], settings)
    again = json.loads(subprocess.check_output([*command, "--json"], env=os.environ | settings, cwd=PROJECT))
    if again["outcome"] != "unchanged":
        raise SystemExit("bench: the push didn't land")
    return cost


if __name__ == "__main__":
    main()
