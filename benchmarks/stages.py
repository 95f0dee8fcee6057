"""Divides what a dbt run cost among its stages and its models."""

import json
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from benchmarks.measuring import Cost, Sample

STAGES = {"staging": "staging", "intermediate": "values", "marts": "marts"}
"""The folders of models, and what is done there."""


def model_costs(target: Path, samples: Sequence[Sample]) -> dict[str, dict[str, Cost]]:
    """Return for each stage the cost of each of its models, from the last run's artefacts in `target`.

    Time is dbt's own, from when a model begins until it is made. CPU and memory are those of the whole process in that
    time, so one model at a time has to be built (`--threads 1`).
    """
    nodes = json.loads((target / "manifest.json").read_text())["nodes"]
    results = json.loads((target / "run_results.json").read_text())["results"]
    costs: dict[str, dict[str, Cost]] = {stage: {} for stage in STAGES.values()}
    for result in results:
        node = nodes.get(result["unique_id"])
        if node and node["resource_type"] == "model":
            timing = {one["name"]: one for one in result["timing"]}["execute"]
            began, ended = _seconds(timing["started_at"]), _seconds(timing["completed_at"])
            costs[STAGES[node["fqn"][1]]][node["name"]] = _used(samples, began, ended)
    return costs


def total(costs: Sequence[Cost]) -> Cost:
    """Return the cost of one after the other."""
    peak = max((cost.peak for cost in costs), default=0.0)
    return Cost(sum(cost.wall for cost in costs), sum(cost.cpu for cost in costs), peak)


def stage_costs(by_model: dict[str, dict[str, Cost]]) -> dict[str, Cost]:
    """Return the cost of each stage, and of all models."""
    stages = {stage: total(list(models.values())) for stage, models in by_model.items()}
    return stages | {"models": total(list(stages.values()))}


def by_name(by_model: dict[str, dict[str, Cost]]) -> dict[str, Cost]:
    """Return the cost of each model, whatever its stage."""
    return {name: cost for models in by_model.values() for name, cost in models.items()}


def _used(samples: Sequence[Sample], began: float, ended: float) -> Cost:
    cpu = max(0.0, _cpu_at(samples, ended) - _cpu_at(samples, began))
    first = max(0, bisect_right(samples, began, key=lambda sample: sample.at) - 1)
    last = bisect_left(samples, ended, key=lambda sample: sample.at) + 1
    return Cost(ended - began, cpu, max((sample.memory for sample in samples[first:last]), default=0.0))


def _cpu_at(samples: Sequence[Sample], at: float) -> float:
    """Return the CPU seconds used until a time, in a straight line between samples."""
    if not samples:
        return 0.0
    after = min(max(1, bisect_left(samples, at, key=lambda sample: sample.at)), len(samples) - 1)
    left, right = samples[after - 1], samples[after]
    share = (at - left.at) / (right.at - left.at) if right.at > left.at else 0.0
    return left.cpu + (right.cpu - left.cpu) * min(max(share, 0.0), 1.0)


def _seconds(text: str) -> float:
    """Return seconds since 1970 of a time as dbt writes it, in UTC."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
