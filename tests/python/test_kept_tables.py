"""Tables that builds keep hold what stands, and nothing of all that ever stood."""

import json
import random
from pathlib import Path

import pytest
from histories import ALL_MODELS, Project

SYNCS, BUILT_AFTER = 200, 25
"""A build takes seconds, a sync milliseconds: so several syncs are built at once."""
IDS = [f"d{number:04}" for number in range(60)]
SAID = ("calm", "Calm", "凉", "serene", "🌊 oceanic", "warm", "bold")


def answer(name: str, chance: random.Random) -> str:
    """Give an answer of one of five palettes under one of two prompts."""
    fields = {
        "seed": f"seed-{chance.randrange(5)}",
        "promptVersion": chance.choice(["first", "second"]),
        "provider": "p",
        "model": f"m{chance.randrange(4)}",
        "analysisIndex": 0,
        "tags": {"mood": chance.sample(SAID, 3), "temperature": chance.choice(SAID)},
    }
    return json.dumps({"_id": name, "_creationTime": 1764000000000.5 + chance.randrange(1000)} | fields)


@pytest.mark.further
def test_two_hundred_small_syncs_leave_what_a_build_of_everything_makes(tmp_path: Path) -> None:
    """`rows of …` is compared for each table: nothing that grows with the number of syncs may stay."""
    chance = random.Random(1)
    project = Project(tmp_path)
    project.sync((name, answer(name, chance)) for name in IDS)
    project.kept.run(*ALL_MODELS)
    for number in range(1, SYNCS + 1):
        names = chance.sample(IDS, 3)
        project.sync([(name, None if chance.random() < 0.1 else answer(name, chance)) for name in names])
        if number % BUILT_AFTER == 0:
            project.kept.run(*ALL_MODELS)
    assert len(project.zone.active_runs()) == SYNCS + 1
    assert project.difference() == {}
