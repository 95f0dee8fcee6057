"""`make bench-sync`: documents per second of a first sync, beside `airbyte-source-convex` from the same deployment.

A deployment of the tests is filled once. Then each way reads everything from it in a process of its own, in turns. What
our ways landed is counted; the connector's records go nowhere. Times are medians and count from start to end of the
process. The last line is one page of 64 MiB.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from convex_deployment.control import Deployment
from rich.console import Console
from rich.table import Table

from benchmarks.measuring import PROJECT, Cost, measure

CONNECTOR = PROJECT / ".venv-airbyte" / "bin" / "source-convex"
TABLE = "palette_tags"
MEBIBYTE = 1 << 20


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=1_000_000, help="documents of 700 bytes (1000000)")
    parser.add_argument("--runs", type=int, default=3, help="how often each way is run (3)")
    options = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="sync-speed-"))
    try:
        bench(options.documents, options.runs, directory)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def bench(documents: int, runs: int, directory: Path) -> None:
    """Measure all ways and print the table."""
    costs: dict[str, list[Cost]] = {}
    with Deployment.start() as deployment:
        deployment.fill(TABLE, documents)
        connector = connector_command(deployment, directory)
        for _ in range(runs):
            deployment.configure(data_sync="current")
            costs.setdefault("extract sync", []).append(sync(deployment, directory, documents))
            if connector:
                costs.setdefault("airbyte-source-convex", []).append(measure(connector, {"PYTHONPATH": ""}))
            deployment.configure(data_sync="missing")
            costs.setdefault("extract sync, older API", []).append(sync(deployment, directory, documents))
    with Deployment.start(page_entries=10_000_000) as deployment:
        size, count = 8192, 64 * MEBIBYTE // 8192
        deployment.fill(TABLE, count, size)
        page = sync(deployment, directory, count)

    walls = {what: statistics.median(cost.wall for cost in found) for what, found in costs.items()}
    peer = walls.get("airbyte-source-convex")
    columns = ("documents/s", "wall s", "CPU s", "peak MB", "times as fast")
    table = Table("what", *columns, title=f"{documents:,} documents of 700 bytes, medians of {runs}")
    for what, found in costs.items():
        wall = walls[what]
        cpu, peak = (statistics.median(getattr(cost, name) for cost in found) for name in ("cpu", "peak"))
        ratio = f"{peer / wall:.1f}" if peer else ""
        table.add_row(what, f"{documents / wall:,.0f}", f"{wall:.1f}", f"{cpu:.1f}", f"{peak:,.0f}", ratio)
    table.add_row("one page of 64 MiB", "", f"{page.wall:.1f}", f"{page.cpu:.1f}", f"{page.peak:,.0f}", "")
    Console().print(table)
    if not peer:
        print("without airbyte-source-convex, which make judges installs on Python 3.11", file=sys.stderr)


def sync(deployment: Deployment, directory: Path, documents: int) -> Cost:
    """Sync into an empty zone, and check that everything landed."""
    raw = directory / "raw"
    shutil.rmtree(raw, ignore_errors=True)
    settings = {"RAW_DIR": str(raw), "CONVEX_URL": deployment.url, "CONVEX_DEPLOY_KEY": deployment.key}
    cost = measure([sys.executable, "-m", "extract", "sync"], settings)
    command = [sys.executable, "-m", "extract", "status", "--json"]
    landed = json.loads(subprocess.check_output(command, env=os.environ | settings, cwd=PROJECT))["current"]
    if landed[TABLE] != documents:
        raise SystemExit(f"bench: {landed[TABLE]:,} documents landed of {documents:,}")
    return cost


def connector_command(deployment: Deployment, directory: Path) -> list[str] | None:
    """Return the command that reads everything with the connector, if it is installed."""
    if not CONNECTOR.exists():
        return None
    config, catalog = directory / "config.json", directory / "catalog.json"
    config.write_text(json.dumps({"deployment_url": deployment.url, "access_key": deployment.key}))
    command = [str(CONNECTOR), "discover", "--config", str(config)]
    found = subprocess.check_output(command, env=os.environ | {"PYTHONPATH": ""}, text=True)
    messages = [json.loads(line) for line in found.splitlines() if line.startswith("{")]
    streams = next(message["catalog"]["streams"] for message in messages if message["type"] == "CATALOG")
    how = {"sync_mode": "incremental", "destination_sync_mode": "append_dedup"}
    keys = {"cursor_field": ["_ts"], "primary_key": [["_id"]]}
    catalog.write_text(json.dumps({"streams": [{"stream": stream, **how, **keys} for stream in streams]}))
    return [str(CONNECTOR), "read", "--config", str(config), "--catalog", str(catalog)]


if __name__ == "__main__":
    main()
