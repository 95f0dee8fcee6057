"""The guard on vanishing, where a run lands: what it would leave of the tables that it replaces, beside what stands."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import CommandError
from common.shrinking import FLAG, Loss, how_to_allow, unexpected
from extract import current

if TYPE_CHECKING:
    from common.raw_zone import RunSummary
    from convex.tables import TableName
    from extract.landing import LandingZone, RunWriter


def check_losses(zone: LandingZone, run: RunWriter, allowed: Collection[str]) -> None:
    """Raise CommandError if a table that the run replaces would lose most of its rows, unless it is allowed to.

    What was allowed is noted in the run. A compacted run loses nothing. The zone's lock has to be held.
    """
    if run.summary.is_compacted or not run.replaced:
        return
    active = zone.active_runs()
    files = zone.files(active)
    mixture = _mixture(zone, [*active, run.summary])
    losses = []
    for name in sorted(run.replaced & files.keys()):
        try:
            loss = _suspicious_loss(name, active[-1], files[name], run)
        except CommandError as error:
            if str(name) not in allowed:
                raise CommandError(
                    f"{error}. So nobody knows whether {name} would shrink, and nothing was landed: restore the "
                    f"file, or run the command again with {FLAG} {name}"
                ) from None
            run.summary.notes.append(f"{name} was replaced unseen, as {FLAG} allows: what it held can't be read")
            continue
        if loss:
            losses.append(loss)
    if stopping := unexpected(losses, allowed):
        raise CommandError(
            f"{'; '.join(map(str, stopping))}. Nothing was landed: look at what came, and if it is right, run the "
            f"command again with {how_to_allow(stopping)}{''.join(f'. But {problem}' for problem in mixture)}"
        )
    run.summary.notes += mixture + [
        f"{loss.table} shrank from {loss.before:,} to {loss.after:,} rows, as {FLAG} allows" for loss in losses
    ]


def _mixture(zone: LandingZone, runs: list[RunSummary]) -> list[str]:
    """Tell, in one sentence, that made-up data and other data come together; nothing where they don't."""
    if len({run.is_sample for run in runs}) == 1:
        return []
    return [
        f"made-up data and other data come together in {zone.directory}, and what is made of both is never pushed: "
        "to push, set RAW_DIR to a new folder and land your own data there"
    ]


def _suspicious_loss(name: TableName, newest: RunSummary, files: list[Path], run: RunWriter) -> Loss | None:
    """Look at bounds first, as counting takes long: the loss is no greater than what these say."""
    table, written = str(name), run.directory / f"{name}.parquet"
    most, after = _most_documents(name, newest), _counted_by_sync(name, run.summary)
    if after is None:
        least = current.roughly(written) * 4 // 5 if most is not None else 0
        if most is not None and not Loss(table, most, least).is_suspicious:
            return None
        after = current.read([written]).documents
    if most is not None and not Loss(table, most, after).is_suspicious:
        return None
    loss = Loss(table, current.read(files).documents, after)
    return loss if loss.is_suspicious else None


def _most_documents(name: TableName, newest: RunSummary) -> int | None:
    """Return a number that the table's documents don't exceed after the newest run; None where the run has none."""
    counted = _counted_by_sync(name, newest)
    if counted is not None or newest.kind != "full":
        return counted
    return next((table.rows for table in newest.tables if table.name == str(name)), None)


def _counted_by_sync(name: TableName, run: RunSummary) -> int | None:
    found = run.sync.tables.get(str(name)) if run.sync else None
    return found.documents if found else None
