"""Divides what a dbt run cost among its stages and its models."""

import json
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from benchmarks.measuring import Cost, Sample

STAGES = {"staging": "staging", "intermediate": "values", "marts": "marts"}
"""The folders of models, and what is done there."""


def model_costs(target: Path, log: Path, samples: Sequence[Sample]) -> dict[str, dict[str, Cost]]:
    """Return for each stage the cost of each of its models, from the last run's artefacts in `target` and its log.

    Time is that of a model's SQL, with its hooks. CPU and memory are those of the whole process from when dbt begins
    with it until it is made, so one model at a time has to be built (`--threads 1`).
    """
    sql = sql_seconds(log)
    nodes = json.loads((target / "manifest.json").read_text())["nodes"]
    results = json.loads((target / "run_results.json").read_text())["results"]
    costs: dict[str, dict[str, Cost]] = {stage: {} for stage in STAGES.values()}
    for result in results:
        node = nodes.get(result["unique_id"])
        if node and node["resource_type"] == "model":
            timing = {one["name"]: one for one in result["timing"]}["execute"]
            began, ended = _seconds(timing["started_at"]), _seconds(timing["completed_at"])
            used = _used(samples, began, ended)
            costs[STAGES[node["fqn"][1]]][node["name"]] = Cost(sql[result["unique_id"]], used.cpu, used.peak)
    return costs


def sql_seconds(log: Path) -> dict[str, float]:
    """Return for each node how long its SQL took, from the JSON log of one dbt command."""
    seconds: dict[str, float] = defaultdict(float)
    with log.open(encoding="utf-8") as lines:
        for line in lines:
            event = json.loads(line)
            if event["info"]["name"] == "SQLQueryStatus" and "node_info" in event["data"]:
                seconds[event["data"]["node_info"]["unique_id"]] += event["data"]["elapsed"]
    return seconds


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
