"""The guard on vanishing at publishing: what each table has lost since the last release, and what explains it.

Only tables whose rows each need a document of Convex can stop a release: `config: meta: counts_documents_of` in a
model's properties names the tables of Convex that may have it. What the others lose follows from an edit as often as
from the data: it is reported.
"""

from collections.abc import Collection, Iterable, Mapping

from common.errors import CommandError
from common.manifest import Reason, Shrunk
from common.shrinking import Loss, how_to_allow, unexpected


def is_explained(loss: Loss, deletes: int) -> bool:
    """Tell whether so many deleted documents leave nothing suspicious: each takes at most one row with it."""
    return not Loss(loss.table, max(0, loss.before - deletes), loss.after).is_suspicious


def shrunk_tables(losses: Iterable[Loss], deletes: Mapping[str, int], allowed: Collection[str]) -> list[Shrunk]:
    """Return the tables that lost most of their rows. `deletes` are those since the last release, by guarded table.

    Raises CommandError where a guarded table did that neither by deletions nor as `allowed` says.
    """
    found = [loss for loss in losses if loss.is_suspicious]
    guarded = [loss for loss in found if loss.table in deletes]
    explained = {loss.table for loss in guarded if is_explained(loss, deletes[loss.table])}
    if stopped := unexpected(guarded, {*allowed, *explained}):
        raise CommandError(
            f"{', '.join(map(str, stopped))} since the last release, and no deletions explain it. What was current "
            "stays current. See what landed with python -m extract status; if the loss is meant: "
            f"python -m publish {how_to_allow(stopped)}"
        )

    def reason(loss: Loss) -> Reason:
        if loss.table not in deletes:
            return "not guarded"
        return "deleted" if loss.table in explained else "allowed"

    return [Shrunk(loss.table, loss.before, loss.after, reason(loss)) for loss in found]
