"""What crowd-kit makes of labelled votes, for `make labels`. It runs in crowd-kit's own environment.

    .venv-crowdkit/bin/python benchmarks/crowd_kit.py < votes.json > labels.json

In: a list of [task, worker, label]. Out: the label of each task by method, `dawid_skene` (to convergence) and `wawa`.
"""

import json
import sys

import pandas as pd  # ty: ignore[import-not-found] - it has an environment of its own
from crowdkit.aggregation import DawidSkene, MajorityVote, Wawa  # ty: ignore[import-not-found]


def main() -> None:
    """Answer the question on stdin."""
    votes = pd.DataFrame(json.load(sys.stdin), columns=["task", "worker", "label"])
    skills = Wawa().fit(votes).skills_  # its own `predict` fails with scikit-learn 1.7: it asks for tags that it lacks
    found = {
        "dawid_skene": DawidSkene(n_iter=1000, tol=1e-7).fit(votes).labels_,
        "wawa": MajorityVote().fit(votes, skills).labels_,
    }
    json.dump({name: labels.to_dict() for name, labels in found.items()}, sys.stdout)


if __name__ == "__main__":
    main()
