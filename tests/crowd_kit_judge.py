"""The consensus that crowd-kit finds, for `test_weighted_consensus.py`. It runs in crowd-kit's own environment.

    .venv-crowdkit/bin/python tests/crowd_kit_judge.py < question.json > answer.json

The question: `votes` (a list of [task, worker, label]), `steps` of EM, and `pseudo_votes` a cell. The answer:
`posteriors` (by task and label) and `error_rates` (by worker, said and true label).
"""

import json
import math
import sys
from typing import Any

import pandas as pd  # ty: ignore[import-not-found] - it has an environment of its own
from crowdkit.aggregation import DawidSkene  # ty: ignore[import-not-found]


class SmoothedDawidSkene(DawidSkene):
    """As crowd-kit has it, but for the pseudo-votes, which it knows for the first step only."""

    pseudo_votes = 0.0

    @staticmethod
    def _m_step(data: Any, probas: Any, *_: Any) -> Any:
        joined = data.join(probas, on="task").drop(columns=["task"])
        errors = joined.groupby(["worker", "label"], sort=False).sum() + SmoothedDawidSkene.pseudo_votes
        return errors / errors.groupby("worker", sort=False).sum()


def main() -> None:
    """Answer the question on stdin."""
    question = json.load(sys.stdin)
    SmoothedDawidSkene.pseudo_votes = question["pseudo_votes"]
    method = SmoothedDawidSkene if question["pseudo_votes"] else DawidSkene
    votes = pd.DataFrame(question["votes"], columns=["task", "worker", "label"])
    fitted = method(n_iter=question["steps"], tol=-math.inf).fit(votes)
    posteriors = [[task, label, p] for task, row in fitted.probas_.iterrows() for label, p in row.items()]
    error_rates = [[*key, true, p] for key, row in fitted.errors_.iterrows() for true, p in row.items()]
    json.dump({"posteriors": posteriors, "error_rates": error_rates}, sys.stdout)


if __name__ == "__main__":
    main()
