"""Can DuckDB run in a Convex Node action? The app's queries in a Node process held to what an action has.

    python benchmarks/node_action.py data/published/current

What is held: the process's own memory (RLIMIT_DATA: what it allocates, whether it touches it or not, so this is
stricter than a limit of resident memory), and the temporary directory, where the published file and all that DuckDB
spills must find room together. An action begins without the file: it is copied first, in time
that isn't counted.
"""

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

HERE = Path(__file__).resolve().parent
FILES = ("palettes.duckdb", "parquet/palette_tag_consensus.parquet")
MIB = 2**20


def main() -> int:
    """Measure each file in each run, and print medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("release", type=Path)
    parser.add_argument("--memory", type=int, default=512, metavar="MIB", help="memory of the process (512)")
    parser.add_argument("--disk", type=int, default=512, metavar="MIB", help="temporary disk (512)")
    parser.add_argument("--duckdb-memory", default="100MB", metavar="SIZE", help="DuckDB's memory_limit (100MB)")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    for name in FILES:
        file = options.release / name
        size = file.stat().st_size / MIB
        print(f"{name}: {size:,.1f} MiB")
        if size > options.disk:
            print(f"  doesn't fit: the disk of an action has {options.disk} MiB\n")
            continue
        try:
            runs = [measure(file, options) for _ in range(options.runs)]
        except ChildProcessError as error:
            print(f"  failed: {error}\n")
            continue
        for step in runs[0]["took"]:
            print(f"  {step:<24} {statistics.median(run['took'][step] for run in runs):9,.0f} ms")
        print(f"  {'peak of resident memory':<24} {max(run['peak'] for run in runs):9,.0f} MiB")
        print(f"  {'spilled':<24} {max(run['spilled'] for run in runs):9,.0f} MiB\n")
    return 0


def measure(file: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Run the queries once, in a new process and directory. Raises ChildProcessError if the process fails."""
    limit = partial(resource.setrlimit, resource.RLIMIT_DATA, (options.memory * MIB, options.memory * MIB))
    with TemporaryDirectory() as name:
        directory = Path(name)
        copy = Path(shutil.copy(file, directory))
        left = options.disk - copy.stat().st_size // MIB - 1
        command = ["node", "--max-old-space-size=192", HERE / "node_action.mjs"]
        arguments = [copy, options.duckdb_memory, f"{left}MiB"]
        run = subprocess.Popen(
            command + arguments,
            cwd=directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=limit,
        )
        spilled = 0
        while run.poll() is None:
            try:
                run.wait(0.05)
            except subprocess.TimeoutExpired:
                spilled = max(spilled, sum(part.stat().st_size for part in directory.glob("spilled/*")))
        output, errors = run.communicate()
    if run.returncode:
        lines = [line for line in errors.splitlines() if "rror" in line or "what()" in line]
        raise ChildProcessError((lines or [f"exit code {run.returncode}"])[0].strip())
    return json.loads(output) | {"spilled": spilled / MIB}


if __name__ == "__main__":
    sys.exit(main())
